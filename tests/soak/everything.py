"""Every soak script in this folder in one go, and the page of their reports.

Run: ``python tests/soak/everything.py [--seed N] [--write docs/reliability.md] [--only NAME ...]``

Each script is a process of its own, one after the other. The exit code is 1 where one did not pass or did not run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from report import Report, markdown, parser_of

from benchmark.attacks.worker_processes import cores
from benchmark.provenance import code_version, machine, package_versions

HERE = Path(__file__).parent

SCRIPTS = ("kills", "four_processes", "ray_nodes", "fuzz", "memory")
"""In the order of the page."""

LIMIT = 1800.0
"""Seconds after which a script is given up."""


@dataclass(frozen=True)
class Outcome:
    """What became of one script."""

    name: str
    report: Report | None
    """None where it did not run to its end."""
    reason: str = ""
    """Why there is no report."""

    @property
    def said(self) -> str:
        """In a word."""
        if self.report is None:
            return "**not run**"
        return "passed" if self.report.passed else "**failed**"


def outcome_of(name: str, seed: int, folder: Path) -> Outcome:
    """Run one script; its output goes on to the terminal."""
    script = HERE / f"{name}.py"
    if not script.is_file():
        return Outcome(name, None, f"there is no tests/soak/{name}.py.")
    result = folder / f"{name}.json"
    command = [sys.executable, str(script), "--json", str(result), "--seed", str(seed)]
    print(f"\n# {name}\n", flush=True)
    start = time.perf_counter()
    code, last_line = _followed(command)
    print(f"\n{name}: {time.perf_counter() - start:.0f} s", flush=True)
    if result.is_file():
        return Outcome(name, Report(**json.loads(result.read_text(encoding="utf-8"))))
    return Outcome(name, None, f"it ended with exit code {code} and without a report; its last line: {last_line}")


def _followed(command: list[str]) -> tuple[int, str]:
    """Exit code and last line of a command whose lines are shown as they come."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    )
    assert process.stdout is not None
    # The group, for what the script has started would hold the pipe open.
    clock = threading.Timer(LIMIT, os.killpg, (process.pid, signal.SIGKILL))
    clock.start()
    last = "(none)"
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.strip() or last
    code = process.wait()
    clock.cancel()
    return code, last


def setting() -> str:
    """Code, machine and versions."""
    code, here = code_version(), machine()
    changed = " with uncommitted changes" if code.dirty else ""
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    return (
        f"Code: roast-bench {code.version}, commit {code.commit or 'unknown'}{changed}. Machine: {here.processor}, "
        f"{cores()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {here.device}, {here.system}, "
        f"Python {here.python}, {versions}."
    )


def page(outcomes: list[Outcome], seed: int) -> str:
    """The page, Markdown: the same reports give the same bytes."""
    passed = sum(outcome.report is not None and outcome.report.passed for outcome in outcomes)
    parts = [
        "# Reliability",
        f"Made by `make soak` (`tests/soak/everything.py --seed {seed}`); do not edit.",
        "What was done to runs, and whether they came through: each section is one script of `tests/soak`, started as "
        "`python tests/soak/NAME.py`. Smaller versions of them are in the test suite.",
        setting(),
        f"{passed} of {len(outcomes)} scripts passed.",
        "\n".join(f"- `{outcome.name}`: {outcome.said}" for outcome in outcomes),
    ]
    for outcome in outcomes:
        if outcome.report is None:
            parts.append(f"## {outcome.name}\n\n- Not run: {outcome.reason}")
        else:
            parts.append(markdown(outcome.report))
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run everything, print the page, write it where asked to."""
    parser = parser_of(__doc__)
    parser.add_argument("--write", type=Path, help="the page's file, such as docs/reliability.md")
    parser.add_argument("--only", nargs="*", choices=SCRIPTS, help="these alone", metavar="NAME")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [outcome_of(name, arguments.seed, Path(folder)) for name in arguments.only or SCRIPTS]
    written = page(outcomes, arguments.seed)
    print(f"\n{written}")
    if arguments.write:
        arguments.write.write_text(written, encoding="utf-8")
    if arguments.json:
        reports = {outcome.name: outcome.report and outcome.report.__dict__ for outcome in outcomes}
        arguments.json.write_text(json.dumps(reports), encoding="utf-8")
    return 0 if all(outcome.report is not None and outcome.report.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
