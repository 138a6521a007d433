"""How long ``roast-bench`` takes where there is nothing to train: help, lists, descriptions, a finished suite.

Run: ``python tests/perf/start_up.py [--rounds 5] [--run-rounds 5]``

Every measurement is a new process, as a user starts it, with the compiled modules that Python keeps beside the sources
from the first start on. The finished suites are the published records of `quickstart` under the plan that they belong
to, and the same suite with all methods and three seeds: every cell of that plan has a record, which is the published
one with the cell's own identity. The command then plans, reads all records, finds nothing to do and writes the
leaderboard with its picture.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from side_by_side import COMMAND, Breakdown, Measurement, at_most, conclude, in_turns, parser_of

from benchmark.plan import plan
from benchmark.run import serialised
from benchmark.suite import load_suite, overridden
from leaderboard.record import Configuration, find_records, read_record

PUBLISHED = Path(__file__).parents[2] / "leaderboard" / "results" / "quickstart"
ANSWER_WITHIN, FINISHED_WITHIN = 0.5, 3.0
"""Seconds."""

ANSWERS = (
    "--help",
    "list methods",
    "list tasks",
    "list attacks",
    "describe roast",
    "describe sentiment",
    "describe textfooler",
    "describe bert-attack",
)
PARTS = {
    "Python alone": "pass",
    "with typer, which reads the command line": "import typer.main, inspect",
    "with pydantic too, which typer and the methods check values with": (
        "import typer.main, inspect; from pydantic import TypeAdapter; from pydantic.dataclasses import dataclass; "
        "TypeAdapter(str)"
    ),
}
MANY_SEEDS = (0, 1, 2)


def started(command: Sequence[str], folder: Path) -> str:
    """Run a command to its end, in a folder of its own; what it prints."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # as roast-bench itself sets it
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def answers(folder: Path) -> dict[str, Callable[[], object]]:
    """What answers at once."""
    return {f"roast-bench {verb}": partial(started, [str(COMMAND), *verb.split()], folder) for verb in ANSWERS}


def parts(folder: Path) -> dict[str, Callable[[], object]]:
    """What an answer takes before roast-bench's own modules are loaded."""
    return {name: partial(started, [sys.executable, "-c", code], folder) for name, code in PARTS.items()}


def finish_all_methods(folder: Path) -> int:
    """Give every cell of the suite with all methods and three seeds its record; the number of cells."""
    suite = overridden(load_suite("quickstart"), {"methods": ("all",), "seeds": MANY_SEEDS}, training={}, evaluation={})
    published = read_record(find_records(PUBLISHED)[0])
    cells = plan(suite)
    for cell in cells:
        of_the_cell = {
            "cell": cell.identity,
            "configuration": Configuration(given=dict(cell.given), resolved=cell.resolved()),
        }
        path = folder / cell.record_path
        path.parent.mkdir(parents=True)
        path.write_bytes(serialised(published.model_copy(update=of_the_cell)))
    return len(cells)


def finished_runs(folder: Path) -> dict[str, Callable[[], object]]:
    """`run` on suites that are finished."""
    shutil.copytree(PUBLISHED, folder / "few")
    few = len(find_records(folder / "few"))
    many = finish_all_methods(folder / "many")
    options = ["--method", "all", "--seeds", ",".join(map(str, MANY_SEEDS))]
    return {
        f"roast-bench run quickstart, finished, {few} cells": partial(run_finished, folder, "few", few, []),
        f"roast-bench run quickstart {' '.join(options)}, finished, {many} cells": partial(
            run_finished, folder, "many", many, options
        ),
    }


def run_finished(folder: Path, out: str, cells: int, options: Sequence[str]) -> None:
    """Run a suite all of whose cells have a record that is of the present plan."""
    printed = started([str(COMMAND), "run", "quickstart", *options, "--out", out], folder)
    if f"Cells: {cells} already finished." not in printed:
        raise RuntimeError(f"not all of the {cells} cells below {out} were finished:\n{printed}")


def reached(seconds: dict[str, list[float]], target: float) -> list[Measurement]:
    """A line each: the median and the range."""
    return [
        at_most(
            name,
            statistics.median(taken),
            target,
            f"{statistics.median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f} s)",
            unit=" s",
        )
        for name, taken in seconds.items()
    ]


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run-rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        seconds = in_turns(answers(folder), options.rounds, warm_up=False)
        before = in_turns(parts(folder), options.run_rounds, warm_up=False)
        runs = in_turns(finished_runs(folder), options.run_rounds, warm_up=False)
    table = Breakdown(
        "Start-up: what it takes before roast-bench's own modules are loaded",
        ("loaded", "seconds"),
        tuple((name, f"{statistics.median(taken):.2f}") for name, taken in before.items()),
    )
    return conclude(options, [*reached(seconds, ANSWER_WITHIN), *reached(runs, FINISHED_WITHIN)], [table])


if __name__ == "__main__":
    sys.exit(main())
