"""Wall time of the whole quickstart, and where it goes.

Run: ``python tests/perf/quickstart.py [--out runs/perf-quickstart]``

The command runs once, as a user starts it, into an emptied folder. The phases are those in the records.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from side_by_side import COMMAND, Breakdown, Measurement, conclude, parser_of, timed

from leaderboard.record import find_records, read_record


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs") / "perf-quickstart", help="emptied first")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    command = [str(COMMAND), "run", "quickstart", "--out", str(options.out)]
    seconds, _ = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    records = [read_record(path) for path in sorted(find_records(options.out))]
    rows = [
        (phase, *(f"{record.seconds.get(phase, 0):.0f}" for record in records))
        for phase in dict.fromkeys(phase for record in records for phase in record.seconds)
    ]
    parts = Breakdown(
        "Where the quickstart's time goes (s)",
        ("phase", *(record.cell.method for record in records)),
        tuple(rows),
    )
    return conclude(options, [Measurement("the whole quickstart, once", f"{seconds:.0f} s")], [parts])


if __name__ == "__main__":
    sys.exit(main())
