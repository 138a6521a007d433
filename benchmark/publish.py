"""Writing, checking and comparing leaderboards, with what is wrong as the user's mistakes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import UserError
from benchmark.lookup import find, nearest
from leaderboard.read_records import UnusableRecordsError
from leaderboard.record import RecordError
from leaderboard.rendered_files import DEFAULT_FORMATS, Format, RenderedFile, rendered_files
from leaderboard.selection import Selection, SelectionError, UnknownColumnError, names_in, selected, sort_names
from leaderboard.write import WrittenLeaderboard, leaderboard_of, read_records_quickly, write_files

if TYPE_CHECKING:
    from leaderboard.changes import TableChanges
    from leaderboard.json_document import Document
    from leaderboard.table import Leaderboard

CHANGES_FILE = "CHANGES.md"
"""The report on what changed since an older leaderboard."""


class UnusableFilesError(UserError):
    """Several record files cannot be used."""

    def __init__(self, error: UnusableRecordsError):
        """Take over what names them."""
        super().__init__(str(error))
        self.lines = [*error.lines[:-1], f"{error.lines[-1]} --skip-bad goes on without them."]


@dataclass(frozen=True)
class Publication:
    """A leaderboard that is ready to be written or checked."""

    leaderboard: Leaderboard
    """What was asked for of it."""
    files: tuple[RenderedFile, ...]
    left_out: tuple[str, ...]
    """One line for each record file that could not be used."""
    changes: tuple[TableChanges, ...] | None
    """Since the older leaderboard; None where none was named."""


def publish(record_folders: Sequence[Path], out: Path) -> WrittenLeaderboard:
    """Write the leaderboard of all records below the folders; no folder is made where there are none.

    Raises:
        UserError: a folder holds no record, a record cannot be used, or the output folder cannot be written.
    """
    return write_publication(prepare(record_folders), out)


def prepare(
    record_folders: Sequence[Path],
    formats: Collection[Format] = DEFAULT_FORMATS,
    selection: Selection | None = None,
    *,
    against: Path | None = None,
    skip_bad: bool = False,
    resampling: Callable[[int], None] | None = None,
) -> Publication:
    """Read, aggregate and render; nothing is written.

    Args:
        record_folders: folders, each with a record at least.
        formats: what to render.
        selection: what to show, and in which order; everything by rank where it is not given.
        against: folder of older records, or a leaderboard.json of them, to report the changes since.
        skip_bad: leave out record files that cannot be used.
        resampling: told the number of a table's records before they are resampled for tests of significance.

    Raises:
        UserError: a folder holds no record, a record cannot be used, there is no task, backbone, method or column of
            a name in the selection, or nothing is left.
    """
    selection = selection or Selection()
    with _mistakes():
        read = read_records_quickly(record_folders, skip_bad=skip_bad)
        older, left_out_before = (None, ()) if against is None else _older(against, skip_bad=skip_bad)
    whole = leaderboard_of(read, resampling)
    shown = _selected(whole, selection)
    files = rendered_files(shown, formats, selection.filters)
    changes = None
    if older is not None:
        changes = _changes(older, whole, selection)
        if "markdown" in formats:
            from leaderboard.changes import render_changes_markdown

            files.append(RenderedFile("markdown", CHANGES_FILE, render_changes_markdown(changes).encode()))
    return Publication(
        leaderboard=shown,
        files=tuple(files),
        left_out=tuple(dict.fromkeys((*read.problems, *left_out_before))),
        changes=None if changes is None else tuple(changes),
    )


def write_publication(publication: Publication, out: Path) -> WrittenLeaderboard:
    """Write the files into a folder.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        return WrittenLeaderboard(publication.leaderboard, write_files(publication.files, out))
    except OSError as error:
        from benchmark.run import cannot_be_written  # all of training comes with it, which no leaderboard needs

        raise cannot_be_written(out, error) from None


@contextmanager
def _mistakes() -> Iterator[None]:
    try:
        yield
    except UnusableRecordsError as error:
        raise UnusableFilesError(error) from None
    except RecordError as error:
        raise UserError(str(error)) from None


def _older(against: Path, *, skip_bad: bool) -> tuple[Document, tuple[str, ...]]:
    """The older leaderboard, and one line for each of its record files that could not be used."""
    from leaderboard.json_document import document_of, read_document

    if against.is_dir():
        read = read_records_quickly([against], skip_bad=skip_bad)
        return document_of(leaderboard_of(read)), read.problems
    document = read_document(against)
    if document.filters:
        raise UserError(
            f"--against {against}: it holds a part only ({'; '.join(document.filters)}), so the rest would look new; "
            "name one that was written without --task, --backbone and --methods."
        )
    return document, ()


def _changes(older: Document, newer: Leaderboard, selection: Selection) -> list[TableChanges]:
    from leaderboard.changes import changes_between, selected_changes
    from leaderboard.json_document import document_of

    return selected_changes(
        changes_between(older, document_of(newer)),
        tasks=selection.tasks,
        backbones=selection.backbones,
        methods=selection.methods,
    )


def _selected(leaderboard: Leaderboard, selection: Selection) -> Leaderboard:
    known = names_in(leaderboard)
    asked = {"task": selection.tasks, "backbone": selection.backbones, "method": selection.methods}
    for kind, names in asked.items():
        for name in names or ():
            find(kind, name, dict.fromkeys(known[kind]))
    try:
        return selected(leaderboard, selection)
    except UnknownColumnError as error:
        raise UserError(f"--sort: {error}; {nearest(selection.sort, sort_names(leaderboard))}") from None
    except SelectionError as error:
        raise UserError(str(error)) from None
