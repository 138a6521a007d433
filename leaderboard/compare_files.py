"""Whether the files of a leaderboard are what its records give."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

from leaderboard.rendered_files import FILES, PICTURE_FORMATS, PICTURES_FOLDER, Format, RenderedFile

_SHOWN, _BEFORE = 80, 30
"""Characters of a line that differs, and how many of them before the difference."""

_NAME_OF_A_PICTURE = re.compile(r"[a-z0-9-]+-[0-9a-f]{8}\.[a-z]+")
"""As `rendered_files` gives them; other pictures in the folder are somebody's own."""


def formats_in(folder: Path) -> tuple[Format, ...]:
    """The formats that a folder holds a leaderboard in; Markdown in any case, for there should be one."""
    documents = [name for name, file in FILES.items() if name == "markdown" or (folder / file).exists()]
    pictures = [name for name in PICTURE_FORMATS if _pictures(folder, name)]
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
            is_text = file.format != "png"
            return (
                f"{path}{_first_line(there, file.content) if is_text else ': is another picture than the records give'}"
            )
    return None


def first_left_over(files: Iterable[RenderedFile], folder: Path) -> str | None:
    """The first picture in the folder that is none of those rendered, of their formats; None where there is none.

    Records that changed may belong to another setting, whose pictures have other names; the old ones stay behind.
    """
    rendered = {folder / file.name: file.format for file in files}
    formats = {name for name in rendered.values() if name in PICTURE_FORMATS}
    there = sorted(path for name in formats for path in _pictures(folder, name))
    left_over = (path for path in there if path not in rendered)
    return next((f"{path}: is no picture of these records" for path in left_over), None)


def _pictures(folder: Path, format_: Format) -> list[Path]:
    found = (folder / PICTURES_FOLDER).glob(f"*.{format_}")
    return [path for path in found if _NAME_OF_A_PICTURE.fullmatch(path.name)]


def _first_line(there: bytes, wanted: bytes) -> str:
    if there.replace(b"\r\n", b"\n") == wanted:
        return ": its lines end in a carriage return and a line feed, the records give line feeds alone"
    texts = (content.decode(errors="backslashreplace").split("\n") for content in (there, wanted))
    number, (found, expected) = next(
        (number, pair) for number, pair in enumerate(zip_longest(*texts), 1) if pair[0] != pair[1]
    )
    alike = next((at for at, pair in enumerate(zip_longest(found or "", expected or "")) if pair[0] != pair[1]), 0)
    # Of long lines that begin alike, as the rows of a table do, the part that differs.
    start = alike - _BEFORE if alike > _SHOWN // 2 else 0
    return f":{number}: is {_shown(found, start)}, the records give {_shown(expected, start)}"


def _shown(line: str | None, start: int) -> str:
    if line is None:
        return "the end of the file"
    part = line[start : start + _SHOWN]
    return repr(f"{'…' if start else ''}{part}{'…' if start + _SHOWN < len(line) else ''}")
