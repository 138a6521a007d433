"""What ``run`` and ``evaluate`` print in the end: the leaderboard, and where everything is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.command_line.echo import echo, echo_error, echo_json

if TYPE_CHECKING:
    from benchmark.run import RunOutcome


def print_outcome(outcome: RunOutcome, folder: Path, between: str, as_json: bool) -> int:
    """Write and print the leaderboard of an output folder.

    Args:
        outcome: what became of the cells.
        folder: the output folder.
        between: folders between task and seed, for people to read.
        as_json: print JSON for a program instead.

    Returns:
        The exit code: 1 where a cell failed.
    """
    from benchmark.publish import publish
    from benchmark.work_lock import awaited_lock
    from leaderboard.record import find_records
    from leaderboard.replace_file import remove_unfinished
    from leaderboard.terminal import render_terminal

    if outcome.failed and not find_records(folder):
        echo_error(f"{folder}: no record could be written; nothing to show.")
        return 1
    with awaited_lock("leaderboard", folder):
        remove_unfinished(folder, below=False)
        written = publish([folder], folder)
    if as_json:
        summary = {
            "finished": [str(cell.folder) for cell in outcome.finished],
            "skipped": [str(cell.folder) for cell in outcome.skipped],
            "failed": [str(cell.folder) for cell in outcome.failed],
            "leaderboard": str(written.markdown),
            "csv": str(written.csv),
            "files": {name: [str(path) for path in paths] for name, paths in written.files.items()},
        }
        echo_json(summary)
        return 1 if outcome.failed else 0
    echo(*render_terminal(written.leaderboard).split("\n"))
    echo("")
    counts = {"finished": outcome.finished, "already finished": outcome.skipped, "failed": outcome.failed}
    echo("Cells: " + ", ".join(f"{len(those)} {what}" for what, those in counts.items() if those) + ".")
    echo(f"Leaderboard: {written.markdown}")
    echo(f"CSV:         {written.csv}")
    for page in written.files.get("html", ()):
        echo(f"Page:        {page}")
    echo(f"Records:     {folder}/<task>/{between}/seed-<n>-<hash>/record.json")
    return 1 if outcome.failed else 0
