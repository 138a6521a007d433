"""``roast-bench leaderboard``: tables and pictures from records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.command_line.echo import echo


def leaderboard(
    records: Annotated[list[Path], typer.Argument(help="Folders with records, such as runs/quickstart.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; by default the first folder.")] = None,
) -> None:
    """Regenerate the leaderboard from records alone: Markdown, CSV and a picture."""
    from benchmark.publish import publish
    from leaderboard.terminal import render_terminal

    written = publish(records, out or records[0])
    echo(*render_terminal(written.leaderboard).split("\n"))
    echo("")
    for path in (written.markdown, written.csv, *written.pictures):
        echo(f"Wrote {path}")
