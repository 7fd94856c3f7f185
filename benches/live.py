#!/usr/bin/env python3
"""Reads many small objects from a bucket of S3, and measures what that costs beside reading the same files from disk and
a bare loop that lists and gets them with the same client.

Usage: PYTHON benches/live.py LEASTGRANT BARE [OBJECTS]

PYTHON has what tests/requirements.txt names; LEASTGRANT is the release binary, BARE the binary of the bench `bare`
(`cargo bench --bench bare --no-run`). Prints CPU seconds and peak memory; 1 where memory is above 300 MB or CPU above 1.5
times the sum.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3

SERVERS = Path(__file__).resolve().parent.parent / "tests" / "servers.py"
MEMORY_MB = 300
TIMES = 1.5
RECORDS = 10


def record(dice: random.Random, day: int) -> dict[str, object]:
    """One record of a CI role that writes objects."""
    role = f"deploy-{dice.randrange(40)}"
    at = f"2026-11-{day:02}T{dice.randrange(24):02}:{dice.randrange(60):02}:{dice.randrange(60):02}Z"
    account = "111122223333"
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": f"AROAEXAMPLE{role}:run",
            "arn": f"arn:aws:sts::{account}:assumed-role/{role}/run",
            "accountId": account,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "arn": f"arn:aws:iam::{account}:role/{role}",
                    "accountId": account,
                    "userName": role,
                },
                "attributes": {"creationDate": at, "mfaAuthenticated": "false"},
            },
        },
        "eventTime": at,
        "eventSource": "s3.amazonaws.com",
        "eventName": dice.choice(["PutObject", "GetObject", "DeleteObject"]),
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": {"bucketName": f"artifacts-{dice.randrange(20)}", "key": f"builds/{dice.randrange(10**6)}.zip"},
        "responseElements": None,
        "eventID": f"{dice.getrandbits(128):032x}",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": False,
        "recipientAccountId": account,
        "eventCategory": "Data",
    }


def write(root: Path, objects: int) -> None:
    """The files of a trail."""
    dice = random.Random(1)
    for at in range(objects):
        day = 1 + at % 20
        folder = root / "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11" / f"{day:02}"
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"Records": [record(dice, day) for _ in range(RECORDS)]})
        (folder / f"111122223333_CloudTrail_eu-central-1_{at:06}.json.gz").write_bytes(gzip.compress(text.encode(), 6))


def measure(name: str, command: list[str], environment: dict[str, str]) -> tuple[float, float, bytes]:
    """CPU seconds, peak memory in MB and output of a command."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, env=environment, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"`{' '.join(command)}` failed")
        out.seek(0)
        said = out.read()
    cpu = usage.ru_utime + usage.ru_stime
    memory = usage.ru_maxrss / 1024
    print(f"{name:28} {cpu:8.2f} CPU s {memory:8.0f} MB", flush=True)
    return cpu, memory, said


def main() -> int:
    """Measures."""
    leastgrant, bare = sys.argv[1:3]
    objects = int(sys.argv[3]) if len(sys.argv) > 3 else 20_000
    servers = subprocess.Popen([sys.executable, str(SERVERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert servers.stdout is not None
    endpoint = json.loads(servers.stdout.readline())["s3"]
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_REGION": "us-east-1"}
    own = {**os.environ, **keys, "AWS_ENDPOINT_URL": endpoint, "NO_PROXY": "127.0.0.1", "LEASTGRANT_CATALOG": "embedded"}
    os.environ.update(keys)
    with tempfile.TemporaryDirectory(prefix="leastgrant-") as scratch:
        root = Path(scratch)
        write(root, objects)
        client = boto3.client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket="bench")
        for path in sorted(root.rglob("*.gz")):
            client.put_object(Bucket="bench", Key=str(path.relative_to(root)), Body=path.read_bytes())
        print(f"{objects} objects of {RECORDS} records", flush=True)
        shown = ["principals", "--format", "json", "-q"]
        disk, _, expected = measure("from disk", [leastgrant, *shown, scratch], own)
        loop, _, _ = measure("bare list and get", [bare, "bench", ""], own)
        cpu, memory, got = measure("from S3", [leastgrant, *shown, "s3://bench"], own)
    if servers.stdin is not None:
        servers.stdin.close()
    servers.wait()
    if got != expected:
        sys.exit("the bucket does not give what the disk gives")
    times = cpu / (disk + loop)
    print(f"CPU {times:.2f} times the sum (at most {TIMES}), peak memory {memory:.0f} MB (at most {MEMORY_MB})")
    return 0 if times <= TIMES and memory <= MEMORY_MB else 1


if __name__ == "__main__":
    sys.exit(main())
