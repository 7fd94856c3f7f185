#!/usr/bin/env python3
"""Runs every check of the project: format, lints, tests, and other tools on what leastgrant writes.

Usage: python3 tests/run.py [-- ARGUMENTS OF CARGO TEST]

Needs Rust and Python 3.9 or newer. With LEASTGRANT_CORPUS set, the logs in that folder are read too. Stops at the first
check that fails; a check whose tool is not installed is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
REQUIREMENTS = ROOT / "tests" / "requirements.txt"

# Real logs hold files that cannot be read (3) and principals whose policies cannot be written (4).
CORPUS_CODES = (0, 3, 4)


class Failed(Exception):
    """A step that failed, and why."""


class Skipped(Exception):
    """A step that cannot be made here, and why."""


def call(*command: str | Path, codes: Sequence[int] = (0,)) -> None:
    """Runs a command in the project's folder; fails unless its exit code is one of `codes`."""
    words = [str(word) for word in command]
    print(f"$ {' '.join(words)}", flush=True)
    code = subprocess.run(words, cwd=ROOT).returncode
    if code not in codes:
        raise Failed(f"`{' '.join(words[:3])} …` ended with exit code {code}")


def component(name: str) -> None:
    """Skips the step unless `cargo NAME` is installed."""
    if subprocess.run(["cargo", name, "--version"], cwd=ROOT, capture_output=True).returncode != 0:
        raise Skipped(f"cargo {name} is not installed")


def cargo_fmt() -> None:
    """Format."""
    component("fmt")
    call("cargo", "fmt", "--check")


def cargo_clippy() -> None:
    """Lints."""
    component("clippy")
    call("cargo", "clippy", "--all-targets", "--locked", "--", "-D", "warnings")
    call("cargo", "clippy", "--no-default-features", "--locked", "--", "-D", "warnings")


def cargo_test() -> None:
    """Tests, with what the command line gives after `--`."""
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    call("cargo", "test", "--locked", *arguments)


def binary() -> Path:
    """Builds the debug binary as the tests do, so that nothing is built twice, and says where it is."""
    command = ["cargo", "test", "--no-run", "--locked", "--quiet", "--message-format=json-render-diagnostics"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    for line in run.stdout.splitlines() if run.returncode == 0 else []:
        message = json.loads(line)
        if message.get("executable") and message["target"]["kind"] == ["bin"] and not message["profile"]["test"]:
            return Path(message["executable"])
    raise Failed("the binary cannot be built")


def catalog_tables() -> None:
    """The committed tables are what the generator makes of the pinned packages."""
    if sys.version_info < (3, 11):
        raise Skipped("the generator needs Python 3.11")
    data = ROOT / "src" / "catalog" / "data"
    with tempfile.TemporaryDirectory(prefix="leastgrant-") as wheels:
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        fetch += ["--require-hashes", "-r", str(data / "requirements.txt"), "-d", wheels]
        if subprocess.run(fetch, cwd=ROOT, capture_output=True).returncode != 0:
            raise Skipped("the pinned packages cannot be fetched")
        call(sys.executable, data / "generate.py", "--check", "--wheels", wheels)


class Tools:
    """The Python that runs tests/lint.py: one with the tools of requirements.txt, else this one, with what it has."""

    def __init__(self) -> None:
        self.python = Path(sys.executable)

    def install(self) -> None:
        """Makes the virtual environment, unless one stands for the same requirements and Python."""
        home = TARGET / "tests-venv"
        python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        stamp = home / "installed.txt"
        wanted = f"{sys.version}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
        if not (stamp.is_file() and python.exists() and stamp.read_text(encoding="utf-8") == wanted):
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            for command in ([sys.executable, "-m", "venv", "--clear", home], [*pip, "-r", REQUIREMENTS]):
                run = subprocess.run([str(word) for word in command], capture_output=True, text=True)
                if run.returncode != 0:
                    said = (run.stderr.strip() or run.stdout.strip()).splitlines()
                    raise Skipped(said[-1] if said else f"`{command[2]}` ended with exit code {run.returncode}")
            stamp.write_text(wanted, encoding="utf-8")
        self.python = python
        # The suite starts the servers of tests/servers.py with it.
        if sys.version_info >= (3, 10):
            os.environ["LEASTGRANT_TEST_PYTHON"] = str(python)

    def lint(self, inputs: Sequence[Path], codes: Sequence[int]) -> None:
        """Writes every target for the inputs, and checks what was written."""
        if not inputs:
            raise Failed("no logs to read")
        program = binary()
        listed = subprocess.run([program, "targets", "--format", "json"], stdout=subprocess.PIPE, text=True, check=True)
        targets = [json.loads(line)["id"] for line in listed.stdout.splitlines()]
        flags = [word for target in targets for word in ("--target", target)]
        with tempfile.TemporaryDirectory(prefix="leastgrant-") as scratch:
            out = Path(scratch, "out")
            call(program, "generate", "--quiet", *inputs, "--out", out, *flags, codes=codes)
            call(self.python, ROOT / "tests" / "lint.py", out)

    def lint_fixtures(self) -> None:
        """Outputs of the shipped scenarios."""
        cases = sorted(case.parent / "logs" for case in ROOT.glob("fixtures/*/*/case.toml"))
        self.lint([logs for logs in cases if logs.is_dir()], (0,))

    def lint_corpus(self) -> None:
        """Outputs of real logs."""
        corpus = os.environ.get("LEASTGRANT_CORPUS")
        if not corpus:
            raise Skipped("LEASTGRANT_CORPUS is not set")
        self.lint([Path(corpus).resolve() / "logs"], CORPUS_CODES)

    def conditions(self) -> None:
        """The answers that the tests hold the evaluator of IAM Conditions to are those of cel-python."""
        run = subprocess.run([str(self.python), "-c", "import celpy"], capture_output=True)
        if run.returncode != 0:
            raise Skipped("cel-python is not installed")
        call(self.python, ROOT / "tests" / "cel.py", "--check")

    def compare_mapping(self) -> None:
        """The mapping of events agrees with what AWS lists."""
        corpus = os.environ.get("LEASTGRANT_CORPUS")
        if not corpus:
            raise Skipped("LEASTGRANT_CORPUS is not set")
        reference = Path(corpus).resolve() / "data" / "aws-service-reference.tar.zst"
        if not reference.is_file():
            raise Skipped(f"{reference} is not there")
        if self.python == Path(sys.executable) or sys.version_info < (3, 10):
            raise Skipped("the requirements are not installed")
        call(self.python, ROOT / "tests" / "oracle.py", "--reference", reference, "--leastgrant", binary())


def main() -> int:
    """Runs the steps; 1 if one failed."""
    if shutil.which("cargo") is None:
        print("FAILED: cargo is not installed")
        return 1
    # What the tests find must not depend on a table that whoever runs them has imported.
    os.environ["LEASTGRANT_CATALOG"] = "embedded"
    tools = Tools()
    steps: list[tuple[str, Callable[[], None]]] = [
        ("install tools and servers", tools.install),
        ("cargo fmt", cargo_fmt),
        ("cargo clippy", cargo_clippy),
        ("cargo test", cargo_test),
        ("catalog tables", catalog_tables),
        ("compare conditions with cel-python", tools.conditions),
        ("lint what the fixtures give", tools.lint_fixtures),
        ("lint what the corpus gives", tools.lint_corpus),
        ("compare with the service reference", tools.compare_mapping),
    ]
    passed = failed = skipped = 0
    for name, step in steps:
        print(f"== {name}", flush=True)
        start = time.monotonic()
        try:
            step()
        except Skipped as why:
            print(f"skipped: {name}: {why}", flush=True)
            skipped += 1
        except (Failed, OSError, subprocess.SubprocessError) as why:
            print(f"FAILED: {name}: {why}", flush=True)
            failed += 1
            break
        else:
            print(f"ok: {name} ({time.monotonic() - start:.0f} s)", flush=True)
            passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
