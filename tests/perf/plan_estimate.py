"""The times that ``roast-bench run --plan`` estimates against those that the run then takes.

Run: ``python tests/perf/plan_estimate.py [--out runs/perf-plan]``

A short quickstart (vanilla and RoAST, one epoch) is planned into an emptied folder, run, planned again with one more
seed, and run again: the first estimates come from a measurement, the second from the first run's records. The import of
TextAttack, which a process does once, is part of its first cell.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from side_by_side import COMMAND, Breakdown, Measurement, conclude, parser_of

from leaderboard.record import Record, find_records, read_record

SHORT = ("--train-size", "160", "--epochs", "1", "--eval-size", "40", "--attack", "deepwordbug:5:500")
WITHIN = 1.5
"""Factor either way."""


def planned(out: Path, seeds: str) -> dict[str, Any]:
    """What ``--plan`` says, as JSON."""
    command = [str(COMMAND), "run", "quickstart", *SHORT, "--seeds", seeds, "--out", str(out), "--plan", "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def run(out: Path, seeds: str) -> dict[tuple[str, int], Record]:
    """Run the cells; the records by method and seed."""
    command = [str(COMMAND), "run", "quickstart", *SHORT, "--seeds", seeds, "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    records = map(read_record, find_records(out))
    return {(record.cell.method, record.cell.seed): record for record in records}


def compared(
    plan: dict[str, Any], records: dict[tuple[str, int], Record], source: str
) -> tuple[list[Measurement], list[tuple[str, ...]]]:
    """A line for each cell that was to do, and its phases."""
    lines: list[Measurement] = []
    rows: list[tuple[str, ...]] = []
    first = True
    for cell in plan["cells"]:
        if cell["state"] == "finished":
            continue
        actual = records[cell["method"], cell["seed"]].seconds
        estimated = dict(cell["seconds"])
        if first:
            estimated["attacks"] += plan["seconds_once"]
            first = False
        real = {phase: actual.get(phase, 0.0) for phase in ("fine-tuning", "prediction", "attacks")}
        real["other"] = sum(actual.values()) - sum(real.values())
        ratio = sum(estimated.values()) / sum(real.values())
        result = f"{sum(estimated.values()):.0f} s estimated, {sum(real.values()):.0f} s taken ({ratio:.2f}×)"
        what = f"a cell of {cell['method']}, estimated from {source}"
        lines.append(Measurement(what, result, f"within a factor {WITHIN:g}", 1 / WITHIN <= ratio <= WITHIN))
        rows += [
            (source, cell["method"], phase, f"{estimated[phase]:.1f}", f"{real[phase]:.1f}", cell["source"][phase])
            for phase in real
        ]
    return lines, rows


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs") / "perf-plan", help="emptied first")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    before = planned(options.out, "0")
    lines, rows = compared(before, run(options.out, "0"), "a measurement")
    again = planned(options.out, "0,1")
    from_records, more_rows = compared(again, run(options.out, "0,1"), "records")
    headers = ("estimated from", "method", "phase", "estimated", "taken", "source")
    parts = Breakdown("Estimated and taken, by phase (s)", headers, tuple(rows + more_rows))
    spent = sum(measured["seconds"] for measured in before["measurements"])
    took = Measurement("the measurement for --plan", f"{spent:.0f} s", "≤ 60 s", spent <= 60)
    return conclude(options, [*lines, *from_records, took], [parts])


if __name__ == "__main__":
    sys.exit(main())
