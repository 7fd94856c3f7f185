#!/usr/bin/env python3
"""Compares leastgrant's mapping of CloudTrail events with what AWS says its operations authorise.

Usage: python3 tests/oracle.py --reference PATH [--leastgrant BIN] [--differences N]

PATH is a snapshot of the AWS Service Reference, unpacked or as .tar.zst: JSON files with Operations[].AuthorizedActions,
https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html. Every operation that names
its actions becomes two events, with what a trail logs and nothing that the reference says of it:

- bare: without request parameters;
- full: with every parameter that its model in botocore has, roles and tags among them.

Each is read by `leastgrant uses`, and the actions are compared. `required` is the action that is called like the
operation where AWS lists it, else all that it lists but those on tags and roles. `exact` counts every listed pair of
operation and action: on bare events what is listed besides cannot show, on full ones parameters that exclude each
other stand side by side. `iam:PassRole` is counted over the operations that list it and, as negatives, those that do
not list it but have a parameter that looks like a role. Exits 1 when a figure is below what the project promises.
"""

from __future__ import annotations

import argparse
import collections
import functools
import gzip
import importlib.util
import io
import json
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

# Roles that stand where no model shows them: in documents, attributes and settings of free form.
FREE_FORM: dict[str, dict[str, Any]] = {}


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


def looks_like_role(name: str, shape: dict[str, Any], shape_name: str) -> bool:
    """Whether a text takes the name or ARN of a role, by what the model calls it and the form it asks for."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", f"{name} {shape_name}")
    by_name = any(word.lower() in ("role", "roles", "rolearn", "iamrole") for word in words)
    return by_name or "role/" in shape.get("pattern", "")


def text(name: str, shape: dict[str, Any], shape_name: str, roles: list[str], path: str) -> str:
    """A text that the parameter takes."""
    if "enum" in shape:
        return shape["enum"][0]
    if "profile" in name.lower() and "instance" in f"{name}{path}".lower():
        roles.append(path)
        return PROFILE if "arn" in name.lower() else ROLE_NAME
    if looks_like_role(name, shape, shape_name):
        roles.append(path)
        pattern = shape.get("pattern", "")
        bare = "name" in name.lower() or (
            "arn" not in f"{name}{shape_name}{pattern}".lower() and shape.get("min", 1) < 20
        )
        return ROLE_NAME if bare else ROLE
    return {"tagkey": "team", "tagvalue": "web"}.get(name.lower(), f"x-{name.lower()}")


def value(shapes: dict[str, Any], shape_name: str, name: str, roles: list[str], path: str, above: tuple[str, ...]) -> Any:
    """A value of a shape, every member filled, with the paths of roles in it."""
    shape = shapes[shape_name]
    kind = shape["type"]
    if kind in ("structure", "list", "map") and (shape_name in above or len(above) > DEEPEST):
        return {} if kind != "list" else []
    below = (*above, shape_name)
    if kind == "structure":
        return {
            member[:1].lower() + member[1:]: value(shapes, spec["shape"], member, roles, f"{path}.{member}", below)
            for member, spec in shape.get("members", {}).items()
        }
    if kind == "list":
        return [value(shapes, shape["member"]["shape"], name, roles, path, below)]
    if kind == "map":
        return {"x": value(shapes, shape["value"]["shape"], name, roles, path, below)}
    if kind == "string":
        return text(name, shape, shape_name, roles, path)
    return {"boolean": True, "timestamp": "2026-11-01T00:00:00Z", "blob": ""}.get(kind, 1)


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
        roles: list[str] = []
        inner = shape.get("input", {}).get("shape")
        parameters = value(found["shapes"], inner, "", roles, "", ()) if inner else None
        host = found["metadata"]["endpointPrefix"]
        if best is None or len(roles) > len(best.roles):
            best = Request(best.host if best else host, parameters, roles)
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
        for key, operation in self.operations.items():
            need = required(operation, tagging)
            self.compare(key, operation, need)

    def compare(self, key: str, operation: Operation, need: frozenset[str]) -> None:
        """Counts one operation."""
        for kind in ("bare", "full"):
            said = self.said.get(f"{kind} {key}", NOTHING)
            self.exact[kind].add(key, said.actions, operation.actions)
            self.unknown |= {a for a in said.actions if self.known.get(a.lower()) != a}
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
        for kind, count in self.exact.items():
            print(f"exact set, {kind} events    precision {count.precision:.4f}, recall {count.recall:.4f}")
        positives = passing.right + passing.missing
        print(
            f"iam:PassRole              precision {passing.precision:.4f}, recall {passing.recall:.4f} "
            f"({positives} operations that list it, {self.shown} with a role in the request; {self.negatives} negatives; "
            f"{self.holes} of {passing.right} found without the role's name)"
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
    import os

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
