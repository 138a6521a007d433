"""``roast-bench leaderboard``: tables and pictures from records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.errors import UserError


def leaderboard(
    records: Annotated[list[Path], typer.Argument(help="Folders with records, such as runs/quickstart.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; by default the first folder.")] = None,
) -> None:
    """Regenerate the leaderboard from records alone: Markdown, CSV and a picture."""
    from benchmark.run import make_writable
    from leaderboard.record import RecordError, find_records
    from leaderboard.terminal import render_terminal
    from leaderboard.write import write_leaderboard

    folder = out or records[0]
    try:
        if any(find_records(given) for given in records):  # no folder is made for nothing
            make_writable(folder)
        written = write_leaderboard(records, folder)
    except RecordError as error:
        raise UserError(str(error)) from None
    typer.echo(render_terminal(written.leaderboard))
    typer.echo("")
    for path in (written.markdown, written.csv, *written.pictures):
        typer.echo(f"Wrote {path}")
