#!/usr/bin/env python3
"""Compares leastgrant with other tools on the same CloudTrail files, in one run, in CPU time.

Usage: python3 benches/compare.py FOLDER [--rounds N] [--leastgrant PATH] [--instructions [--at-most N]]

FOLDER holds gzip files as a trail delivers them. The tools take turns, so that all see the same machine; the best of
the rounds counts. What is not installed is left out:

- `libdeflate-gunzip` (Debian: libdeflate-tools): the floor, the price of having the text at all.
- `chdb` (PyPI), ClickHouse in process: one group-by of principal, service and event.
- `leastgrant principals`: records read, mapped and counted.
- `leastgrant generate`: all of that, and documents for every principal, verified and written.

With --instructions, callgrind (valgrind) counts the instructions of `generate` for each byte of JSON: a figure that does
not depend on what else the machine does. With --at-most, more of them than that are an error. Without valgrind it says so
and counts nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent

# Exit codes of `generate` that say something of the log, not of the run: unreadable input, principals without documents.
FINE = (0, 3, 4)

QUERY = """
SELECT JSONExtractString(record, 'userIdentity', 'arn') AS who, JSONExtractString(record, 'eventSource') AS service,
       JSONExtractString(record, 'eventName') AS event, count() AS records
FROM (SELECT arrayJoin(JSONExtractArrayRaw(line, 'Records')) AS record FROM file('{glob}', 'LineAsString', 'line String'))
GROUP BY who, service, event
"""


def size(files: list[Path]) -> int:
    """Bytes of the inflated text: read once before anything is measured, so that all find the files in memory."""
    total = 0
    for file in files:
        inflater = zlib.decompressobj(wbits=31)
        total += len(inflater.decompress(file.read_bytes()))
    return total


def measured(command: list[str]) -> tuple[float, float, int]:
    """CPU seconds, wall seconds and peak memory in MiB of a command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    if process.returncode not in FINE:
        sys.exit(f"`{' '.join(command[:3])} …` ended with exit code {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return cpu, wall, used.ru_maxrss // 1024


def tools(folder: Path, files: list[Path], program: Path, out: Path) -> dict[str, Callable[[], list[str]]]:
    """What is compared, the floor first where it is installed."""
    found: dict[str, Callable[[], list[str]]] = {}
    if gunzip := shutil.which("libdeflate-gunzip"):
        found["libdeflate-gunzip"] = lambda: [gunzip, "-c", *map(str, files)]
    if importlib.util.find_spec("chdb"):
        glob = f"{folder}/**/*.json.gz".replace("'", "\\'")
        script = f"import chdb; print(chdb.query({QUERY.format(glob=glob)!r}, 'Null'))"
        found["chDB, one group-by"] = lambda: [sys.executable, "-c", script]

    def generate(*threads: str) -> list[str]:
        # A folder of its own for each run: ext4 is slow to make files where others were just deleted.
        fresh = tempfile.mkdtemp(dir=out.parent)
        return [str(program), "generate", str(folder), "--out", fresh, "--quiet", *threads]

    found["leastgrant principals"] = lambda: [str(program), "principals", str(folder), "--quiet"]
    found["leastgrant generate"] = generate
    found["leastgrant generate --threads 1"] = lambda: generate("--threads", "1")
    return found


def instructions(program: Path, folder: Path, out: Path) -> int:
    """Instructions of one run on one thread."""
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}.callgrind", str(program), "generate"]
    command += [str(folder), "--out", str(out), "--quiet", "--threads", "1"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    counted = re.search(r"Collected : (\d+)", said)
    return int(counted.group(1)) if counted else sys.exit(f"callgrind counted nothing:\n{said[-2000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--leastgrant", type=Path, default=target / "release" / "leastgrant")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--at-most", type=float, help="instructions for each byte")
    args = parser.parse_args()
    files = sorted(args.folder.rglob("*.gz"))
    if not files:
        parser.error(f"no gzip files in {args.folder}")
    if not args.leastgrant.exists():
        parser.error(f"{args.leastgrant} is not there: cargo build --release, or --leastgrant PATH")
    text = size(files)
    print(f"{len(files)} files, {text:,} bytes of JSON, {sum(f.stat().st_size for f in files):,} packed\n")
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        if args.instructions:
            if not shutil.which("valgrind"):
                print("skipped: valgrind is not installed")
                return
            count = instructions(args.leastgrant, args.folder, out)
            print(f"{count:,} instructions, {count / text:.2f} for each byte")
            if args.at_most is not None and count / text > args.at_most:
                sys.exit(f"more than {args.at_most} for each byte")
            return
        compared = tools(args.folder, files, args.leastgrant, out)
        best: dict[str, tuple[float, float, int]] = {}
        for _ in range(args.rounds):
            for name, command in compared.items():
                best[name] = min(best.get(name, (1e9, 0.0, 0)), measured(command()))
    floor = best.get("libdeflate-gunzip")
    print("| tool | CPU s | × floor | wall s | MB of JSON/CPU s | peak MiB |\n|---|--:|--:|--:|--:|--:|")
    for name, (cpu, wall, peak) in best.items():
        ratio = f"{cpu / floor[0]:.2f}" if floor else "–"
        print(f"| {name} | {cpu:.2f} | {ratio} | {wall:.2f} | {text / cpu / 1e6:.0f} | {peak} |")


if __name__ == "__main__":
    main()
