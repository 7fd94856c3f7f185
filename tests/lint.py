#!/usr/bin/env python3
"""Checks a folder that `leastgrant generate` wrote with tools that know nothing of leastgrant.

Usage: python3 tests/lint.py OUT_DIR [--schema FILE]

Prints one line a check, `ok|FAILED|skipped: what`, with indented lines for details, and exits 1 when one failed. A tool
that is not installed is skipped. The Terraform schema is FILE, or data/terraform-schema.json in $LEASTGRANT_CORPUS.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "src" / "catalog" / "data" / "aws" / "services.tsv"
SHOWN = {"": 40, "note: ": 5}


class Skipped(Exception):
    """A check that cannot be made here, and why."""


class Result(NamedTuple):
    """What a check found: any fault fails it, notes are only printed."""

    faults: list[str]
    notes: list[str]


def need(module: str, package: str) -> None:
    """Skips the check unless `module` can be imported."""
    if importlib.util.find_spec(module) is None:
        raise Skipped(f"{package} is not installed")


# ---- the folder and its JSON


def strict_json(text: str) -> Any:
    """Parses JSON, refusing what only some parsers take: repeated keys, NaN and infinities."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = collections.Counter(key for key, _ in items)
        repeated = [key for key, count in keys.items() if count > 1]
        if repeated:
            raise ValueError(f"repeated key {repeated[0]!r}")
        return dict(items)

    def constant(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


class Output:
    """The files of an output folder, and the target that its manifest says made each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.entries = sorted(root.rglob("*"))
        self.files = [path for path in self.entries if not path.is_dir()]
        self.documents: dict[Path, Any] = {}
        self.broken: list[str] = []
        for path in self.named("*.json"):
            try:
                self.documents[path] = strict_json(path.read_bytes().decode("utf-8"))
            except ValueError as error:
                self.broken.append(f"{self.name(path)}: {error}")
        manifest = self.documents.get(root / "manifest.json")
        self.artifacts: list[dict[str, Any]] = manifest["artifacts"] if isinstance(manifest, dict) else []
        self.target = {root / artifact["path"]: artifact["target"] for artifact in self.artifacts}

    def named(self, pattern: str, cloud: str = "") -> list[Path]:
        """Files whose name matches, of one cloud if it is given."""
        base = self.root / cloud
        return [path for path in self.files if path.match(pattern) and base in path.parents]

    def name(self, path: Path) -> str:
        """The path as messages show it."""
        return path.relative_to(self.root).as_posix()


def check_json(out: Output) -> Result:
    """Every JSON file parses strictly."""
    return Result(out.broken, [])


def check_manifest(out: Output) -> Result:
    """The manifest names every file, each once, and no other."""
    listed = collections.Counter(artifact["path"] for artifact in out.artifacts)
    there = {out.name(path) for path in out.files} - {"manifest.json"}
    faults = [f"listed {count} times: {path}" for path, count in listed.items() if count > 1]
    faults += [f"not there: {path}" for path in sorted(set(listed) - there)]
    faults += [f"not in the manifest: {path}" for path in sorted(there - set(listed))]
    if out.root / "manifest.json" not in out.documents:
        faults.append("no readable manifest.json")
    return Result(faults, [])


def check_modes(out: Output) -> Result:
    """Only the owner may read files (0600) and enter folders (0700)."""
    if os.name != "posix":
        raise Skipped("this system has no file modes")
    faults = []
    for path in [out.root, *out.entries]:
        mode = path.lstat().st_mode
        kind = "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "neither file nor folder"
        if (kind, stat.S_IMODE(mode)) not in {("folder", 0o700), ("file", 0o600)}:
            faults.append(f"{kind} with mode {stat.S_IMODE(mode):04o}: {out.name(path)}")
    return Result(faults, [])


# ---- Terraform


def find_terraform() -> tuple[str, dict[str, str]]:
    """The program, and an environment in which it calls nobody."""
    terraform = shutil.which("terraform")
    quiet = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    quiet["CHECKPOINT_DISABLE"] = "1"
    try:
        subprocess.run([terraform or "", "version"], capture_output=True, env=quiet, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise Skipped("terraform is not installed") from None
    return str(terraform), quiet


def check_terraform_fmt(out: Output) -> Result:
    """`terraform fmt` would change nothing."""
    terraform, quiet = find_terraform()
    command = [terraform, "fmt", "-check", "-diff", "-recursive", "-no-color", str(out.root)]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=quiet)
    if run.returncode == 0:
        return Result([], [])
    return Result((run.stdout + run.stderr).splitlines() or [f"exit code {run.returncode}"], [])


META = {"count", "depends_on", "for_each", "lifecycle", "provider"}


def unquoted(word: str) -> str:
    """A label or string as it stands between its quotes."""
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word


def blocks(tree: dict[str, Any], kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Type, name and body of every `resource` or `data` block."""
    for labelled in tree.get(kind, []):
        for label, named in labelled.items():
            for name, body in named.items():
                yield unquoted(label), unquoted(name), body


def is_block(value: Any) -> bool:
    """Whether a parsed value is a nested block (or several), not an argument."""
    return isinstance(value, list) and all(isinstance(v, dict) and v.get("__is_block__") for v in value) and value != []


def body_faults(body: dict[str, Any], schema: dict[str, Any], where: str) -> Iterator[str]:
    """What a block has that its schema lacks, what it lacks, and what is of the wrong shape."""
    given = {key: value for key, value in body.items() if not (key.startswith("__") and key.endswith("__"))}
    for key, spec in schema.items():
        if spec["required"] and key not in given:
            yield f"{where}: `{key}` is missing"
    for key, value in given.items():
        spec = schema.get(key)
        if spec is None:
            yield f"{where}: `{key}` is unknown"
        elif ("block" in spec) != is_block(value):
            yield f"{where}: `{key}` must be {'an argument' if is_block(value) else 'a block'}"
        elif "block" in spec:
            if len(value) > 1 and not spec["list"]:
                yield f"{where}: more than one `{key}`"
            for inner in value:
                yield from body_faults(inner, spec["block"], f"{where} › {key}")
        elif isinstance(value, (list, dict)) == (spec["type"] in {"string", "number", "boolean"}) and not (
            isinstance(value, str) and value.startswith("${")
        ):
            yield f"{where}: `{key}` must be {spec['type']}"


def required(*names: str) -> dict[str, Any]:
    """Arguments that must be there."""
    return {name: {"type": "string", "required": True} for name in names}


AUDIT_LOGS = {
    "block": {"log_type": {"type": "string", "required": True}, "exempted_members": {"type": "list", "required": False}},
    "list": True,
    "required": True,
}
# What the schema file lacks, as the providers document it since their versions 6.
PLACES: dict[str, Any] = {
    "google_project_iam_audit_config": {**required("project", "service"), "audit_log_config": AUDIT_LOGS},
    "google_organization_iam_audit_config": {**required("org_id", "service"), "audit_log_config": AUDIT_LOGS},
    "google_project_iam_member_remove": required("project", "role", "member"),
    "data.aws_caller_identity": {},
    "data.aws_partition": {},
    "data.aws_region": {"region": {"type": "string", "required": False}},
}
KINDS = {"variable": "var", "output": "output", "module": "module", "check": "check"}
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
REFERENCE = re.compile(r"(?<![\w.-])(var\.\w+|local\.\w+|module\.\w+|data\.\w+\.[\w-]+|(?:aws|google)_\w+\.[\w-]+)")


def references(text: str) -> set[str]:
    """The addresses that a file refers to, in expressions and in strings."""

    def inside(match: re.Match[str]) -> str:
        return " ".join(re.findall(r"(?<!\$)\$\{([^}]*)\}", match.group()))

    lines = (STRING.sub(inside, line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return set(REFERENCE.findall("\n".join(lines)))


def file_faults(text: str, tree: dict[str, Any], schema: dict[str, Any], where: str) -> Iterator[str]:
    """Faults of one file: its blocks, addresses declared twice, references to what is not declared."""
    named = ((word, unquoted(name)) for kind, word in KINDS.items() for block in tree.get(kind, []) for name in block)
    declared = collections.Counter(f"{word}.{name}" for word, name in named)
    declared.update(f"local.{name}" for block in tree.get("locals", []) for name in block if not name.startswith("__"))
    for kind, prefix in (("resource", ""), ("data", "data.")):
        for label, name, body in blocks(tree, kind):
            declared[f"{prefix}{label}.{name}"] += 1
            if prefix + label not in schema:
                yield f"{where}: the schema has no {prefix}{label}"
                continue
            known = {key: value for key, value in body.items() if key not in META}
            yield from body_faults(known, schema[prefix + label], f"{where}: {prefix}{label}.{name}")
    for address, count in declared.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", address.rpartition(".")[2]):
            yield f"{where}: `{address}` is no identifier"
        if count > 1:
            yield f"{where}: {address} is declared twice"
    yield from (f"{where}: {address} is not declared" for address in sorted(references(text) - set(declared)))


def module_faults(trees: dict[Path, dict[str, Any]], file: Path, where: str) -> Iterator[str]:
    """Modules that are not there, and arguments that they do not take or that they lack."""
    for block in trees[file].get("module", []):
        for label, body in block.items():
            folder = Path(os.path.normpath(file.parent / unquoted(body["source"])))
            inner = [tree for path, tree in trees.items() if path.parent == folder]
            if not inner:
                yield f"{where}: module {label}: no module in {body['source']}"
            takes = {unquoted(n): v for tree in inner for b in tree.get("variable", []) for n, v in b.items()}
            given = {key for key in body if not key.startswith("__")} - META - {"source"}
            yield from (f"{where}: module {label} takes no `{key}`" for key in sorted(given - set(takes)))
            lacks = sorted(key for key, variable in takes.items() if "default" not in variable and key not in given)
            yield from (f"{where}: module {label} lacks `{key}`" for key in lacks)


def check_terraform_schema(out: Output, path: Path | None) -> Result:
    """Every argument and block is in the providers' schema, and none that is required is missing."""
    if path is None:
        raise Skipped("no schema (--schema, or data/terraform-schema.json in $LEASTGRANT_CORPUS)")
    need("hcl2", "python-hcl2")
    import hcl2

    schema = {**PLACES, **json.loads(path.read_text(encoding="utf-8"))}
    faults: list[str] = []
    trees: dict[Path, dict[str, Any]] = {}
    for file in out.named("*.tf"):
        text = file.read_text(encoding="utf-8")
        try:
            trees[file] = hcl2.loads(text)
            faults += file_faults(text, trees[file], schema, out.name(file))
        except Exception as error:  # the parser raises many kinds
            faults.append(f"{out.name(file)}: {str(error).splitlines()[0]}")
    for file in trees:
        faults += module_faults(trees, file, out.name(file))
    return Result(faults, [])


# ---- what Terraform and CloudFormation make of a document

IDENTITY = "data.aws_caller_identity.current.account_id"


class Place(NamedTuple):
    """Where a file is deployed."""

    partition: str
    region: str
    account: str


def arn_field(document: Any, at: int) -> str:
    """The one partition or region that all ARNs of a principal's documents name."""
    found = set(re.findall(r'"arn:' + at * "[^:]*:" + r'([A-Za-z0-9-]+):', json.dumps(document)))
    return found.pop() if len(found) == 1 else "none"


def deployments(out: Output, file: str) -> Iterator[tuple[Path, Place, dict[str, Any]]]:
    """Every file of that name, for every principal it is for: its place, and the principal's documents by name."""
    owned: dict[str, dict[str, Any]] = {}
    for artifact in out.artifacts:
        if artifact["target"] == "aws-policy":
            path = out.root / artifact["path"]
            owned.setdefault(artifact["principal"], {})[path.stem] = out.documents.get(path)
    for artifact in out.artifacts:
        for principal in [artifact["principal"], *artifact.get("shared_with", [])]:
            if Path(artifact["path"]).name == file and principal in owned:
                documents = owned[principal]
                account = (principal.split(":") + 5 * ["none"])[4]
                place = Place(arn_field(list(documents.values()), 0), arn_field(list(documents.values()), 2), account)
                yield out.root / artifact["path"], place, documents


def sorted_lists(value: Any) -> Any:
    """The value with its lists in one order, which says nothing in a policy."""
    if isinstance(value, list):
        return sorted((sorted_lists(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return {k: sorted_lists(v) for k, v in value.items()} if isinstance(value, dict) else value


def differences(out: Output, got: list[tuple[Path, Place, dict[str, Any], dict[str, Any]]]) -> Result:
    """Files whose policies are not those of the JSON."""
    faults = [
        f"{out.name(file)}: in {place.account} not what the JSON says"
        for file, place, wanted, made in got
        if sorted_lists(made) != sorted_lists(wanted)
    ]
    return Result(faults, [])


def terraform_policies(text: str) -> str:
    """An expression of all policies of a file, by name, with the place taken from `each`."""
    policies = []
    for block in re.split(r'\nresource "aws_iam_(?:role_|user_)?policy" ', text)[1:]:
        name = re.search(r"^  name *= (.*)$", block, re.MULTILINE)
        body = re.search(r"^  policy = (jsonencode\(\{$.*?^  \}\))$", block, re.MULTILINE | re.DOTALL)
        if name is None or body is None:
            raise ValueError("a policy of another shape")
        policies.append(f"{name.group(1)} = {body.group(1)}")
    text = "{\n" + "\n".join(policies) + "\n}"
    for own, reference in (("partition", "data.aws_partition.current.partition"), ("account", IDENTITY)):
        text = text.replace("${" + reference + "}", "${each." + own + "}")
    return text.replace("${data.aws_region.current.region}", "${each.region}")


def check_terraform_documents(out: Output) -> Result:
    """Terraform makes of each module, in the account of each of its principals, the documents of the JSON."""
    terraform, quiet = find_terraform()
    all_of = list(deployments(out, "policy.tf"))
    with tempfile.TemporaryDirectory(prefix="leastgrant-") as scratch:
        for number, (file, place, _) in enumerate(all_of):
            each = "".join(f"{key} = {json.dumps(value)}\n" for key, value in place._asdict().items())
            made = terraform_policies(file.read_text(encoding="utf-8"))
            made = f"locals {{\n  p{number} = [for each in [{{\n{each}}}] : {made}][0]\n}}\n"
            Path(scratch, f"p{number}.tf").write_text(made, encoding="utf-8")
        names = "".join(f"p{number} = local.p{number}\n" for number in range(len(all_of)))
        Path(scratch, "out.tf").write_text(f'output "all" {{\n  value = {{\n{names}}}\n}}\n', encoding="utf-8")
        for arguments in (["init"], ["apply", "-auto-approve"], ["output", "-json", "all"]):
            command = [terraform, f"-chdir={scratch}", *arguments, *(["-no-color"] if arguments[0] != "output" else [])]
            run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=quiet)
            if run.returncode != 0:
                return Result((run.stdout + run.stderr).splitlines(), [])
        made = json.loads(run.stdout)
    got = [
        (file, place, wanted, {name: json.loads(text) for name, text in made[f"p{number}"].items()})
        for number, (file, place, wanted) in enumerate(all_of)
    ]
    return differences(out, got)


def check_cloudformation_documents(out: Output) -> Result:
    """CloudFormation makes of each template, in the account of each of its principals, the documents of the JSON."""
    need("yaml", "PyYAML")
    import yaml

    got = []
    for file, place, wanted in deployments(out, "policy.yaml"):
        own = {"AWS::Partition": place.partition, "AWS::Region": place.region, "AWS::AccountId": place.account}

        class Loader(yaml.SafeLoader):
            """Reads what the templates use of CloudFormation's functions."""

        def substitute(_: Any, node: Any) -> str:
            known = lambda match: "${" if match.group() == "${!" else own[match.group(1)]
            return re.sub(r"\$\{!|\$\{([^}!]*)\}", known, node.value)

        Loader.add_constructor("!Sub", substitute)
        Loader.add_constructor("!Ref", lambda _, node: node.value)
        resources = yaml.load(file.read_text(encoding="utf-8"), Loader)["Resources"].values()
        policies = [resource["Properties"] for resource in resources]
        got.append((file, place, wanted, {p.get("ManagedPolicyName") or p["PolicyName"]: p["PolicyDocument"] for p in policies}))
    return differences(out, got)


# ---- CloudFormation

# cfn-lint wants twelve digits for an account and no line end in a name. Anonymised logs have other accounts, and an
# object's key may have a line end; both are written as the log names them.
ANY_ARN = re.compile(r"arn:aws[a-z-]*:[^:]+:[^:]*:[^:]*:.+", re.DOTALL)


def at(tree: Any, path: list[Any]) -> Any:
    """The value at a path of keys and indexes."""
    for step in path:
        tree = tree[step]
    return tree


def check_cloudformation(out: Output) -> Result:
    """`cfn-lint` finds no errors."""
    need("cfnlint", "cfn-lint")
    need("yaml", "PyYAML")
    import yaml

    files = map(str, out.named("*.yaml", "aws"))
    command = [sys.executable, "-c", "from cfnlint.runner import main; main()", "--format", "json", "--", *files]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    try:
        matches = json.loads(run.stdout)
    except ValueError:
        return Result((run.stderr or run.stdout or f"exit code {run.returncode}").splitlines(), [])
    faults: list[str] = []
    notes: list[str] = []
    for match in matches:
        file, rule = Path(match["Filename"]), match["Rule"]["Id"]
        line = f"{out.name(file)}:{match['Location']['Start']['LineNumber']}: {rule} {match['Message']}"
        harmless = match["Level"] != "Error"
        if rule == "E3510":
            value = at(yaml.safe_load(file.read_text(encoding="utf-8")), match["Location"]["Path"])
            harmless = isinstance(value, str) and ANY_ARN.fullmatch(value) is not None
        (notes if harmless else faults).append(line)
    return Result(faults, notes)


# ---- IAM policies


class Catalog:
    """The actions of leastgrant's own table, newer than parliament's: which take resources, which condition keys."""

    def __init__(self, path: Path) -> None:
        self.takes_resource: dict[str, bool] = {}
        self.forms: dict[str, list[re.Pattern[str]]] = {}
        self.conditions: dict[str, set[str]] = {}
        prefix = ""
        keys: list[str] = []
        types: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            fields = line.split("\t")
            if fields[0] == "S":
                prefix, types, keys = fields[1], {}, []
            elif fields[0] == "K":
                keys = [key.lower() for key in fields[1:]]
            elif fields[0] == "R":
                types[fields[1]] = fields[2].split("|")
            elif fields[0] == "A":
                action = f"{prefix}:{fields[1]}".lower()
                named = [name.rstrip("*") for name in fields[3].split(",")] if len(fields) > 3 and fields[3] else []
                self.takes_resource[action] = bool(named)
                numbers = fields[4].split(",") if len(fields) > 4 and fields[4] else []
                self.conditions[action] = {keys[int(number)] for number in numbers}
                self.forms[action] = [self.form(arn) for name in named for arn in types.get(name, [])]

    @staticmethod
    def form(template: str) -> re.Pattern[str]:
        """What ARNs of a template look like; the account may be empty where the resource is AWS's own."""
        pieces = re.split(r"\$\{[^}]*\}|\*", template)
        return re.compile(".*".join(re.escape(piece) for piece in pieces), re.DOTALL)

    def fits(self, action: str, document: Any) -> bool:
        """Whether each statement with the action names a resource of one of the action's types."""
        listed = lambda value: value if isinstance(value, list) else [value]
        statements = [s for s in listed(document["Statement"]) if action in map(str.lower, listed(s["Action"]))]
        forms = self.forms.get(action, [])
        named = [listed(s["Resource"]) for s in statements if "Resource" in s]  # a refusal may name all but some
        return all(any(form.fullmatch(arn) for form in forms for arn in arns) for arns in named)

    def knows(self, action: str) -> bool:
        """Whether the table has the action, or for `prefix:*` the service."""
        known, action = self.takes_resource, action.lower()
        return any(a.startswith(action[:-1]) for a in known) if action.endswith(":*") else action in known


# Kinds of parliament's findings that are advice on what a policy allows, not errors in it: leastgrant writes what was
# used. All other kinds fail.
ADVICE = {"RESOURCE_POLICY_PRIVILEGE_ESCALATION", "RESOURCE_EFFECTIVELY_STAR", "MISMATCHED_TYPE_BUT_USABLE"}


def is_fault(kind: str, detail: Any, where: str, boundary: bool, catalog: Catalog, document: Any) -> bool:
    """Whether a finding of parliament's is an error, by what is newer than its list of actions (April 2025)."""
    takes = catalog.takes_resource
    if kind in {"UNKNOWN_ACTION", "UNKNOWN_PREFIX"}:
        return not catalog.knows(where)
    if kind == "UNKNOWN_CONDITION_FOR_ACTION":  # keys that the action did not have then
        named = re.search(r"(\S+) for action (\S+)", str(detail))
        return named is None or named[1].lower() not in catalog.conditions.get(named[2].lower(), set())
    if kind == "RESOURCE_MISMATCH":  # actions that took no resource then, and types that are alternatives
        # A boundary has all of a service on some of its types: the rest of the actions are not meant.
        return not boundary and not all(catalog.fits(d["action"].lower(), document) for d in detail)
    if kind == "RESOURCE_STAR":  # actions that took one then; a boundary limits by service
        return not boundary and any(takes.get(action.lower(), True) for action in detail)
    if kind == "INVALID_ARN":  # regions and accounts are as the log names them
        return ANY_ARN.fullmatch(where) is None
    return kind not in ADVICE


def check_policies(out: Output) -> Result:
    """`parliament` finds no errors in IAM policies."""
    need("parliament", "parliament")
    warnings.filterwarnings("ignore")
    try:
        import parliament
    except ImportError as error:
        raise Skipped(f"parliament cannot be imported: {error}") from None

    catalog = Catalog(CATALOG)
    faults: list[str] = []
    notes: list[str] = []
    for path, document in out.documents.items():
        if out.root / "aws" not in path.parents or "Statement" not in document:
            continue
        boundary = out.target.get(path) == "aws-boundary"
        try:
            findings = parliament.analyze_policy_string(path.read_text(encoding="utf-8"), str(path)).findings
        except Exception as error:  # it fails in many ways
            faults.append(f"{out.name(path)}: parliament fails: {error!r}")
            continue
        for finding in findings:
            where = finding.location.get("string", "")
            line = f"{out.name(path)}: {finding.issue} {finding.detail or ''} {where}".rstrip()
            if is_fault(finding.issue, finding.detail, where, boundary, catalog, document):
                faults.append(line)
            elif not boundary:
                notes.append(line)
    return Result(faults, notes)


# ---- Google's roles and bindings

ROLE_KEYS = {"title", "description", "stage", "includedPermissions"}
STAGES = {"ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP"}


# Some are spelled with their service's host.
PERMISSION = r"[a-z0-9]+(\.googleapis\.com/[A-Za-z0-9]+|\.[A-Za-z0-9]+)\.[A-Za-z0-9_]+"


def role_faults(role: Any, role_id: str) -> Iterator[str]:
    """What IAM would refuse in a custom role: its keys, its id, its limits."""
    if not isinstance(role, dict) or set(role) != ROLE_KEYS:
        yield f"its keys are not {', '.join(sorted(ROLE_KEYS))}"
        return
    permissions = role["includedPermissions"]
    if not all(isinstance(text, str) for text in [role["title"], role["description"], *permissions]):
        yield "not all values are strings"
        return
    if not re.fullmatch(r"[A-Za-z0-9_.]{3,64}", role_id):
        yield f"`{role_id}` is no role id"
    if role["stage"] not in STAGES:
        yield f"`{role['stage']}` is no stage"
    for key, limit in (("title", 100), ("description", 300)):
        if len(role[key].encode()) > limit:
            yield f"its {key} is longer than {limit} bytes"
    if not 1 <= len(permissions) <= 3000 or len(set(permissions)) != len(permissions):
        yield "it holds no permissions, more than 3,000 or one twice"
    yield from (f"`{p}` is no permission" for p in permissions if not re.fullmatch(PERMISSION, p))
    if sum(len(text.encode()) for text in [role["title"], role["description"], *permissions]) > 64 * 1024:
        yield "it is larger than 64 KiB"


def check_roles(out: Output) -> Result:
    """Custom roles have the keys and keep the limits of IAM's API."""
    need("yaml", "PyYAML")
    import yaml

    faults = []
    for path in out.named("*.yaml", "gcp"):
        try:
            role = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            faults.append(f"{out.name(path)}: {error}")
            continue
        faults += [f"{out.name(path)}: {fault}" for fault in role_faults(role, path.stem)]
    return Result(faults, [])


def check_bindings(out: Output) -> Result:
    """A binding names the role beside it, a resource in the project or organization that defines it, and members."""
    faults = []
    for path in out.named("*.binding.json", "gcp"):
        document: Any = out.documents.get(path)
        try:
            role = "/roles/" + path.name[: -len(".binding.json")]
            resource, bindings = document["resource"] + "/", document["policy"]["bindings"]
            good = set(document) == {"resource", "policy"} and 1 <= len(bindings) <= 20
            good = good and document["policy"]["version"] == 3
            good = good and all(set(b) - {"condition"} == {"role", "members"} and b["members"] for b in bindings)
            conditions = [b["condition"] for b in bindings if "condition" in b]
            good = good and all(set(c) == {"title", "expression"} and all(c.values()) for c in conditions)
            # IAM takes titles of 100 characters and twelve logical operators.
            good = good and all(len(c["title"]) <= 100 for c in conditions)
            plain = [re.sub(r'"(?:[^"\\]|\\.)*"', "", c["expression"]) for c in conditions]
            good = good and all(len(re.findall(r"&&|\|\||!(?!=)", c)) <= 12 for c in plain)
            custom = [b for b in bindings if not b["role"].startswith("roles/")]
            good = good and all(b["role"].endswith(role) for b in custom)
            # A folder has no roles of its own: they are its organization's.
            folder = r"organizations/\d+" if resource.startswith("folders/") else None
            own = [b["role"][: -len(role)] for b in custom]
            good = good and all(re.fullmatch(folder, o) if folder else resource.startswith(o + "/") for o in own)
            good = good and all(re.fullmatch(r"\w+:\S+", member) for b in bindings for member in b["members"])
        except (AttributeError, KeyError, TypeError):
            good = False
        if not good:
            faults.append(f"{out.name(path)}: not a binding of the role beside it")
    return Result(faults, [])


def google_messages() -> dict[str, Any]:
    """Google's message for each kind of file, by how its name ends."""
    need("google.cloud.iam_v3", "google-cloud-iam")
    from google.cloud import iam_admin_v1, iam_v2, iam_v3
    from google.iam.v1 import iam_policy_pb2, policy_pb2

    return {
        ".deny.json": iam_v2.types.Policy.pb(),
        ".boundary.json": iam_v3.types.PrincipalAccessBoundaryPolicy.pb(),
        ".rules.json": iam_v3.types.PrincipalAccessBoundaryPolicyRule.pb(),
        ".policy-binding.json": iam_v3.types.PolicyBinding.pb(),
        ".binding.json": iam_policy_pb2.SetIamPolicyRequest,
        "audit.json": policy_pb2.Policy,
        ".yaml": iam_admin_v1.types.Role.pb(),
    }


def google_values(path: Path, out: Output) -> list[Any]:
    """What of a file is a message."""
    if path.suffix == ".yaml":
        need("yaml", "PyYAML")
        import yaml

        return [yaml.safe_load(path.read_text(encoding="utf-8"))]
    document = out.documents.get(path)
    return document if isinstance(document, list) else [document]


def check_google_messages(out: Output) -> Result:
    """Every file for Google parses as Google's own protobuf message, without an unknown field or word."""
    messages = google_messages()
    from google.protobuf import json_format

    faults = []
    for path in out.named("*", "gcp"):
        kind = next((kind for kind in messages if path.name.endswith(kind)), None)
        if kind is None:
            continue
        try:
            for value in google_values(path, out):
                json_format.ParseDict(value, messages[kind](), ignore_unknown_fields=False)
        except (json_format.ParseError, KeyError, TypeError, ValueError) as error:
            faults.append(f"{out.name(path)}: {error}")
    return Result(faults, [])


PLACE = r"//cloudresourcemanager\.googleapis\.com/(organizations/\d+|folders/\d+|projects/[a-z0-9.:-]+)"
SETS = [
    PLACE,
    r"//iam\.googleapis\.com/locations/global/(workspace|workforcePools)/[\w.-]+",
    r"//iam\.googleapis\.com/projects/\d+/locations/global/workloadIdentityPools/[\w.-]+",
]
BOUNDARY_ID = r"[a-z][a-z0-9.-]{2,62}"


def boundary_faults(path: Path, policy: Any, binding: Any) -> Iterator[str]:
    """What IAM would refuse in an access boundary and its binding."""
    name = path.name[: -len(".boundary.json")]
    if not re.fullmatch(BOUNDARY_ID, name):
        yield "its id is none"
    if policy["details"]["enforcementVersion"] not in {"1", "2", "3", "4"}:
        yield "its enforcement version is no number that is known"
    rules = policy["details"]["rules"]
    resources = [resource for rule in rules for resource in rule["resources"]]
    if not 1 <= len(rules) <= 500 or not 1 <= len(resources) <= 500 or len(set(resources)) != len(resources):
        yield "it has no rules or resources, too many, or one twice"
    yield from (f"`{one}` is no resource" for one in resources if not re.fullmatch(PLACE, one))
    if any(rule["effect"] != "ALLOW" or len(rule["description"]) > 256 for rule in rules):
        yield "a rule has another effect than ALLOW, or too long a description"
    if binding["policyKind"] != "PRINCIPAL_ACCESS_BOUNDARY" or not binding["policy"].endswith(f"/{name}"):
        yield "the binding is another policy's"
    if not any(re.fullmatch(form, binding["target"]["principalSet"]) for form in SETS):
        yield "the binding is for no set of principals"
    expression = binding.get("condition", {}).get("expression", "")
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    attributes = set(re.findall(r"[a-z]+\.[a-z]+", plain))
    if len(expression) > 250 or attributes - {"principal.type", "principal.subject"}:
        yield "the condition is too long, or asks for what bindings cannot"


def check_boundaries(out: Output) -> Result:
    """Access boundaries keep the limits of IAM's API."""
    faults = []
    for path in out.named("*.boundary.json", "gcp"):
        binding = path.with_name(path.name.replace(".boundary.json", ".policy-binding.json"))
        try:
            found = list(boundary_faults(path, out.documents.get(path), out.documents.get(binding)))
        except (AttributeError, KeyError, TypeError) as error:
            found = [f"lacks {error}"]
        faults += [f"{out.name(path)}: {fault}" for fault in found]
    return Result(faults, [])


def main() -> int:
    """Runs all checks; 1 if one failed."""
    parser = argparse.ArgumentParser(description="Checks an output folder of leastgrant with other tools.")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--schema", type=Path, metavar="FILE", help="Terraform schema")
    options = parser.parse_args()
    if not options.out.is_dir():
        parser.error(f"{options.out} is no folder")
    schema: Path | None = options.schema
    if schema is None and os.environ.get("LEASTGRANT_CORPUS"):
        found = Path(os.environ["LEASTGRANT_CORPUS"], "data", "terraform-schema.json")
        schema = found if found.is_file() else None

    out = Output(options.out)
    checks: list[tuple[str, int, Callable[[], Result]]] = [
        ("JSON parses strictly", len(out.named("*.json")), lambda: check_json(out)),
        ("the manifest lists what is there", len(out.files), lambda: check_manifest(out)),
        ("only the owner can read", len(out.entries), lambda: check_modes(out)),
        ("terraform fmt", len(out.named("*.tf")), lambda: check_terraform_fmt(out)),
        ("Terraform schema", len(out.named("*.tf")), lambda: check_terraform_schema(out, schema)),
        ("Terraform's documents", len(out.named("policy.tf", "aws")), lambda: check_terraform_documents(out)),
        ("CloudFormation's documents", len(out.named("policy.yaml", "aws")), lambda: check_cloudformation_documents(out)),
        ("cfn-lint", len(out.named("*.yaml", "aws")), lambda: check_cloudformation(out)),
        ("parliament", len(out.named("*.json", "aws")), lambda: check_policies(out)),
        ("custom roles", len(out.named("*.yaml", "gcp")), lambda: check_roles(out)),
        ("bindings", len(out.named("*.binding.json", "gcp")), lambda: check_bindings(out)),
        ("access boundaries", len(out.named("*.boundary.json", "gcp")), lambda: check_boundaries(out)),
        ("Google's messages", len(out.named("*", "gcp")), lambda: check_google_messages(out)),
    ]
    failed = False
    for what, count, check in checks:
        try:
            if not count:
                raise Skipped("no such files")
            faults, notes = check()
        except Skipped as why:
            print(f"skipped: {what}: {why}")
            continue
        failed = failed or bool(faults)
        print(f"{'FAILED' if faults else 'ok'}: {what} ({count} looked at)")
        for kind, lines in (("", faults), ("note: ", notes)):
            for line in lines[: SHOWN[kind]]:
                print(f"    {kind}{line[:300]}")
            if len(lines) > SHOWN[kind]:
                print(f"    {kind}and {len(lines) - SHOWN[kind]} more")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
