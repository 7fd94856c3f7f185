#!/usr/bin/env python3
"""Answers of generated IAM conditions, as cel-python gives them: fixtures/conditions/answers.jsonl.

    python3 tests/cel.py            writes the file
    python3 tests/cel.py --check    compares it, and exits with 1 where it differs

The tests of the program read the file and ask its own evaluator the same. A condition without an answer (an attribute is
missing, types do not fit) grants nothing, so it counts as `false`.
"""

import argparse
import datetime
import json
import pathlib
import random
import sys

import celpy
from celpy import celtypes

ANSWERS = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "conditions" / "answers.jsonl"
COUNT = 1500
SEED = 20261122

REQUESTS = [
    ("storage.objects.get", "storage.googleapis.com/Object", "projects/_/buckets/raw/objects/in/a.csv"),
    ("storage.objects.get", "storage.googleapis.com/Object", "projects/_/buckets/raw-old/objects/in/\"b\"\\.csv"),
    ("storage.buckets.get", "storage.googleapis.com/Bucket", "projects/_/buckets/raw"),
    ("bigquery.tables.get", "bigquery.googleapis.com/Table", "projects/example-dev/datasets/sales/tables/orders"),
    ("secretmanager.versions.access", "secretmanager.googleapis.com/SecretVersion",
     "projects/123456789012/secrets/db-password/versions/3"),
]
TIMES = ["2026-11-03T09:10:00Z", "2026-02-28T23:59:59Z"]
TEXTS = sorted({part for _, kind, name in REQUESTS for part in (
    kind, name, name[:20], name[:30], name[-6:], name.split("/")[-1], kind.split("/")[0])} | {"", "/", "\n", "'", "x"})


def text(rng):
    value = rng.choice(TEXTS)
    form = rng.random()
    if form < 0.2 and "'" not in value and "\\" not in value and "\n" not in value:
        return "'" + value + "'"
    if form < 0.3 and not set(value) & set("\"'\n"):
        return 'r"' + value + '"'
    return json.dumps(value)


def attribute(rng):
    return rng.choice(["resource.name"] * 5 + ["resource.type"] * 4 + ["resource.service"] * 2 + ["request.path"])


def atom(rng):
    kind = rng.random()
    if kind < 0.25:
        return f"{attribute(rng)} {rng.choice(['==', '!='])} {text(rng)}"
    if kind < 0.6:
        return f"{attribute(rng)}.{rng.choice(['startsWith', 'endsWith', 'contains'])}({text(rng)})"
    if kind < 0.7:
        return f"{attribute(rng)} in [{', '.join(text(rng) for _ in range(rng.randint(1, 3)))}]"
    if kind < 0.8:
        day = rng.choice(["2026-11-03T09:10:00Z", "2026-03-01T00:00:00Z", "2026-11-03T10:10:00+01:00"])
        return f'request.time {rng.choice(["<", "<=", ">", ">=", "=="])} timestamp("{day}")'
    if kind < 0.92:
        part = rng.choice(["getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getHours",
                           "getMinutes", "getDayOfYear"])
        zone = rng.choice(["", "", '"Europe/Berlin"', '"America/Los_Angeles"'])
        number = rng.choice([0, 1, 2, 3, 9, 10, 11, 27, 28, 58, 59, 306, 2026])
        return f"request.time.{part}({zone}) {rng.choice(['==', '!=', '<', '>='])} {number}"
    if kind < 0.96:
        return rng.choice(["true", "false"])
    return f"{attribute(rng)} {rng.choice(['<', '>='])} {text(rng)}"


def expression(rng, depth):
    if depth == 0 or rng.random() < 0.25:
        return atom(rng)
    kind = rng.random()
    if kind < 0.2:
        return f"!({expression(rng, depth - 1)})"
    if kind < 0.25:
        return f"({expression(rng, depth - 1)}) ? {atom(rng)} : {atom(rng)}"
    sign = rng.choice(["&&", "||"])
    parts = [expression(rng, depth - 1) for _ in range(rng.randint(2, 3))]
    # Left open on purpose: how the signs bind is asked as well.
    return f" {sign} ".join(part if rng.random() < 0.6 and "?" not in part else f"({part})" for part in parts)


def answer(source, kind, name, time):
    environment = celpy.Environment()
    resource = {"name": name, "type": kind, "service": kind.split("/")[0]}
    activation = {
        "resource": celpy.json_to_cel(resource),
        "request": celtypes.MapType({
            celtypes.StringType("time"): celtypes.TimestampType(
                datetime.datetime.fromisoformat(time.replace("Z", "+00:00")))}),
    }
    try:
        return bool(environment.program(environment.compile(source)).evaluate(activation))
    except celpy.CELEvalError:
        return False


def lines():
    rng = random.Random(SEED)
    for _ in range(COUNT):
        permission, kind, name = rng.choice(REQUESTS)
        time, source = rng.choice(TIMES), expression(rng, 3)
        yield json.dumps({"permission": permission, "name": name, "time": time, "expression": source,
                          "holds": answer(source, kind, name, time)}, ensure_ascii=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file differs")
    made = "\n".join(lines()) + "\n"
    if not parser.parse_args().check:
        ANSWERS.write_text(made, encoding="utf-8")
    elif ANSWERS.read_text(encoding="utf-8") != made:
        sys.exit("cel-python gives other answers than fixtures/conditions/answers.jsonl has")


if __name__ == "__main__":
    main()
