"""``roast-bench submit``: records from others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.command_line.echo import echo, echo_error, echo_json
from benchmark.command_line.options import AsJson, Mirror, Plugins, check_folder, load_plugins

submit = typer.Typer(no_args_is_help=True, help="Check records before they are sent to, or put on, a leaderboard.")


@submit.callback()
def submissions() -> None:
    """Check records before they are sent to, or put on, a leaderboard."""


@submit.command("check")
def check(
    folders: Annotated[list[Path], typer.Argument(help="Folders with records, logits and attacked texts.")],
    without_logits: Annotated[
        bool, typer.Option("--without-logits", help="Accept records whose logits are not there, as published ones.")
    ] = False,
    mirror: Mirror = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Say of each record the first thing that is wrong, or that all is right; exit code 2 where anything is wrong.

    Schema, checksum, versions, fingerprints, hyper-parameters, scores computed again from the logits, attacks against
    their files, absurd values, copies. With --mirror, the fingerprints of all data are computed again, too.
    """
    from benchmark.progress import Reporter
    from benchmark.submissions.check import check_submission, find_submitted

    load_plugins(plugin)
    check_folder("--mirror", mirror)
    records = find_submitted(folders)
    with Reporter() as reporter, reporter.phase("checking, records", len(records)):
        checked = check_submission(folders, mirror=mirror, without_logits=without_logits, on_record=reporter.advance)
    if as_json:
        echo_json(
            {
                "accepted": [str(path) for path in checked.accepted],
                "refused": {str(path): problem for path, problem in checked.refused.items()},
            }
        )
    else:
        echo(f"Records: {len(checked.accepted):,} of {len(records):,} without a problem.")
        for path, problem in checked.refused.items():
            echo_error(f"{path}: {problem}.")
    raise typer.Exit(2 if checked.refused else 0)
