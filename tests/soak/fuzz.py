"""Thousands of hostile records, suites, names and files: none ends in a traceback, writes outside its folder, or hangs.

Run: ``python tests/soak/fuzz.py [--seed N] [--json FILE] [--share 0.1]``

The properties are those of `hostile_input.py`, which the test suite tries a few examples of.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hostile_input import PROPERTIES, prepare
from hypothesis import HealthCheck, given, seed, settings
from report import Report, conclude, parser_of


def tried(name: str, box: Path, examples: int, seed_of_all: int) -> tuple[int, str | None]:
    """How many examples of a property were tried, and what the first failure was; None where there was none."""
    found = PROPERTIES[name]
    prepare(name, box)
    work = box / "cwd"
    work.mkdir()
    count = 0

    @seed(seed_of_all)
    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(found.inputs)
    def holds(example: Any) -> None:
        nonlocal count
        count += 1
        found.check(box, example)

    before = Path.cwd()
    os.chdir(work)
    try:
        holds()
    except Exception as error:
        return count, f"{type(error).__name__}: {error}\n" + "\n".join(getattr(error, "__notes__", []))
    finally:
        os.chdir(before)
    return count, None


def main() -> int:
    """Try every property and report."""
    parser = parser_of(__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the examples (default: 1)")
    parser.add_argument("--only", nargs="*", choices=PROPERTIES, metavar="NAME", help="these alone")
    arguments = parser.parse_args()
    rows: list[list[object]] = []
    failures = 0
    for name in arguments.only or PROPERTIES:
        found = PROPERTIES[name]
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="roast-bench-fuzz-") as folder:
            examples = max(1, round(found.many * arguments.share))
            count, failure = tried(name, Path(folder), examples, arguments.seed)
        print(f"{name}: {count:,} examples, {time.perf_counter() - start:.0f} s", flush=True)
        if failure is not None:
            failures += 1
            print(failure, flush=True)
        rows.append([found.what, f"{count:,}", 0 if failure is None else 1])
    examples = sum(int(str(row[1]).replace(",", "")) for row in rows)
    report = Report(
        title="Hostile input",
        summary=[
            "hypothesis made records, suites, command lines and files, arbitrary ones and valid ones with changes.",
            "Of each: exit code 0, 1 or 2 and no traceback, one line where it is 2, nothing that controls a terminal, "
            "no file written outside the output folder, no more than five seconds; and the leaderboard's files hold "
            "text alone.",
            f"{examples:,} examples tried, {failures} of {len(rows)} properties failed.",
        ],
        columns=["property", "examples", "failures"],
        rows=rows,
        passed=not failures,
    )
    return conclude(report, arguments)


if __name__ == "__main__":
    sys.exit(main())
