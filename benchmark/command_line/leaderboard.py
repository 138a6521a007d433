"""``roast-bench leaderboard``: tables, pages and pictures from records; whether those there are up to date."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.command_line.echo import echo, echo_error, echo_json
from benchmark.command_line.options import AsJson, names
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.publish import Publication
    from leaderboard.rendered_files import Format, RenderedFile

_ALL = "all"

_MANY_RECORDS = 100
"""Of one table: resampling them takes some seconds."""

_MOST_PICTURES = 5
"""Pictures that are named; of more, the number is given."""


def leaderboard(
    records: Annotated[list[Path], typer.Argument(help="Folders with records, such as runs/quickstart.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; by default the first folder.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT,…",
            help="markdown, csv, latex, json, html, svg and png (the pictures), or all; by default markdown,csv,html.",
        ),
    ] = None,
    task: Annotated[list[str] | None, typer.Option(metavar="NAME,…", help="Only these tasks.")] = None,
    backbone: Annotated[list[str] | None, typer.Option(metavar="NAME,…", help="Only these backbones.")] = None,
    methods: Annotated[
        list[str] | None, typer.Option(metavar="NAME,…", help="Only the rows of these methods; no number changes.")
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="rank, delta, cost, method, acc_in, …, or a part of a heading.")
    ] = "rank",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 where the files are not what the records give.")
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(metavar="OLD", help="Older records, or a leaderboard.json of them: report what changed, and why."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without record files that cannot be used, and say so.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Regenerate the leaderboard from records alone, check that it is up to date, or report what changed."""
    from benchmark.publish import UnusableFilesError, prepare
    from leaderboard.rendered_files import DEFAULT_FORMATS
    from leaderboard.selection import Selection

    if check and against is not None:
        raise UserError("--check --against: name one of them; --check compares files, --against compares records.")
    folder = out or records[0]
    asked = names("--format", formats)
    wanted = _formats(asked) if asked else DEFAULT_FORMATS
    if check:
        wanted = _formats_to_check(asked, wanted, folder)
    selection = Selection(_names("--task", task), _names("--backbone", backbone), _names("--methods", methods), sort)
    try:
        publication = prepare(
            records, wanted, selection, against=against, skip_bad=skip_bad, resampling=_say_what_takes_long
        )
    except UnusableFilesError as error:
        for line in error.lines:
            echo_error(line)
        raise typer.Exit(2) from None
    for line in publication.left_out:
        echo_error(f"left out: {line}")
    if not check:
        _write(publication, folder, as_json)
        return
    words = [*map(str, records), *(["--out", str(out)] if out else [])]
    for option, given in (
        ("--format", asked or ([] if wanted == DEFAULT_FORMATS else wanted)),
        ("--task", selection.tasks),
        ("--backbone", selection.backbones),
        ("--methods", selection.methods),
    ):
        words += [option, ",".join(given)] if given else []
    words += ["--sort", sort] if sort != "rank" else []
    words += ["--skip-bad"] if skip_bad else []
    command = f"roast-bench leaderboard {shlex.join(words)}"
    if not _is_up_to_date(publication, folder, "png" in (asked or ()), command, as_json):
        raise typer.Exit(1)


def _say_what_takes_long(records: int) -> None:
    if records >= _MANY_RECORDS:
        echo(
            f"resampling {records:,} records for intervals and tests of significance: once, up to 0.1 s a record",
            err=True,
        )


def _names(option: str, values: Sequence[str] | None) -> tuple[str, ...] | None:
    given = names(option, values)
    return None if given is None else tuple(given)


def _formats(given: Sequence[str]) -> tuple[Format, ...]:
    """The formats asked for, each once, in their own order."""
    from benchmark.lookup import find
    from leaderboard.rendered_files import FORMATS

    known = dict.fromkeys((*FORMATS, _ALL))
    for name in given:
        find("format", name, known)
    return tuple(name for name in FORMATS if _ALL in given or name in given)


def _formats_to_check(asked: Sequence[str] | None, wanted: Sequence[Format], folder: Path) -> tuple[Format, ...]:
    """What to render for a check: what was asked for, otherwise what is there.

    PNG pictures, which every machine draws a little otherwise, are rendered where they are asked for by name, and where
    they are the only ones, for the Markdown document links them.
    """
    from leaderboard.compare_files import formats_in

    found = wanted if asked else formats_in(folder)
    keep_png = "png" in (asked or ()) or "svg" not in found
    return tuple(name for name in found if name != "png" or keep_png)


def _is_up_to_date(publication: Publication, folder: Path, with_png: bool, command: str, as_json: bool) -> bool:
    """Compare, and say on one line how it came out."""
    from leaderboard.compare_files import first_difference, first_left_over

    files = [file for file in publication.files if file.format != "png" or with_png]
    try:
        difference = first_difference(files, folder)
        left_over = first_left_over(files, folder) if difference is None else None
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror}).") from None
    wrong = difference or left_over
    if as_json:
        echo_json({"up_to_date": wrong is None, "difference": wrong, "checked": [file.name for file in files]})
    elif wrong is None:
        echo(f"{folder}: {_listed(files)}: up to date.")
    else:
        echo_error(f"{wrong}; remove it." if left_over else f"{wrong}. `{command}` writes it anew.")
    return wrong is None


def _write(publication: Publication, folder: Path, as_json: bool) -> None:
    from benchmark.publish import write_publication
    from leaderboard.changes import render_changes
    from leaderboard.terminal import render_terminal

    written = write_publication(publication, folder)
    if as_json:
        changes = publication.changes
        summary = {
            "files": {name: [str(path) for path in paths] for name, paths in written.files.items()},
            "left_out": list(publication.left_out),
            "changes": None if changes is None else [asdict(table) for table in changes],
        }
        echo_json(summary)
        return
    echo(*render_terminal(written.leaderboard).split("\n"))
    if publication.changes is not None:
        echo("", "Changes", *render_changes(publication.changes).split("\n"))
    echo("")
    documents = [path for name, paths in written.files.items() if name not in ("svg", "png") for path in paths]
    for path in documents:
        echo(f"Wrote {path}")
    if written.pictures:
        echo(*(f"Wrote {path}" for path in written.pictures[:_MOST_PICTURES]))
    if (more := len(written.pictures) - _MOST_PICTURES) > 0:
        echo(f"Wrote {more} more {'picture' if more == 1 else 'pictures'} beside")


def _listed(files: Sequence[RenderedFile]) -> str:
    documents = [file.name for file in files if file.format not in ("svg", "png")]
    pictures = len(files) - len(documents)
    return ", ".join([*documents, *([f"{pictures} picture{'s' if pictures > 1 else ''}"] if pictures else [])])
