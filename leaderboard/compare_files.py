"""Whether the files of a leaderboard are what its records give."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

from leaderboard.one_line import one_line
from leaderboard.rendered_files import FILES, PICTURE_FORMATS, PICTURES_FOLDER, Format, RenderedFile


def formats_in(folder: Path) -> tuple[Format, ...]:
    """The formats that a folder holds a leaderboard in; Markdown in any case, for there should be one."""
    documents = [name for name, file in FILES.items() if name == "markdown" or (folder / file).exists()]
    pictures = [name for name in PICTURE_FORMATS if any((folder / PICTURES_FOLDER).glob(f"*.{name}"))]
    return (*documents, *pictures)


def first_difference(files: Iterable[RenderedFile], folder: Path) -> str | None:
    """The first file that is missing or other than rendered, and its first line that differs; None where all agree.

    Args:
        files: what should be there.
        folder: where they should be.

    Raises:
        OSError: a file is there but cannot be read.
    """
    for file in files:
        path = folder / file.name
        try:
            there = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return f"{path}: is missing"
        if there != file.content:
            return f"{path}{_first_line(there, file.content)}"
    return None


def _first_line(there: bytes, wanted: bytes) -> str:
    try:
        lines = zip_longest(there.decode().split("\n"), wanted.decode().split("\n"))
    except UnicodeDecodeError:
        return ": is another picture than the records give"
    number, (found, expected) = next((number, pair) for number, pair in enumerate(lines, 1) if pair[0] != pair[1])
    return f":{number}: is {_shown(found)}, the records give {_shown(expected)}"


def _shown(line: str | None) -> str:
    return "the end of the file" if line is None else repr(one_line(line, 80))
