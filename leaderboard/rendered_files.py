"""A leaderboard as files that are not written yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from leaderboard.slug import slug
from leaderboard.table import Leaderboard, Table

Format = Literal["markdown", "csv", "latex", "json", "html", "svg", "png"]
"""What a leaderboard can be written as; svg and png are its pictures."""

FORMATS: Final[tuple[Format, ...]] = get_args(Format)

PICTURE_FORMATS: Final[tuple[Literal["svg", "png"], ...]] = ("svg", "png")

DEFAULT_FORMATS: Final[tuple[Format, ...]] = ("markdown", "csv", "html")
"""Without pictures, which take longer than all the rest together."""

FILES: Final[dict[Format, str]] = {
    "markdown": "LEADERBOARD.md",
    "csv": "leaderboard.csv",
    "latex": "leaderboard.tex",
    "json": "leaderboard.json",
    "html": "leaderboard.html",
}
"""The file of each format that has one."""

PICTURES_FOLDER: Final = "pictures"
"""Folder of the pictures, beside the other files."""

OVERVIEW: Final = "perspectives"
"""The kind of picture that is shown in the Markdown document; the others are linked."""


@dataclass(frozen=True)
class RenderedFile:
    """One file of a leaderboard."""

    format: Format
    name: str
    """Relative to the output folder, with slashes."""
    content: bytes


def rendered_files(
    leaderboard: Leaderboard, formats: Collection[Format], filters: tuple[str, ...] = ()
) -> list[RenderedFile]:
    """All files of a leaderboard in the formats asked for, pictures first: the Markdown links, the page holds them.

    The same leaderboard gives the same files; PNG pictures only where the same libraries draw them.

    Args:
        leaderboard: what to show.
        formats: of `FORMATS`; their order does not matter.
        filters: what was left out of the leaderboard, in words.
    """
    files: list[RenderedFile] = []
    links: dict[str, dict[str, str]] = defaultdict(dict)
    drawn: dict[str, dict[str, bytes]] = defaultdict(dict)
    for table in leaderboard.tables:
        for picture_format in PICTURE_FORMATS:  # the first, which can be enlarged, is the one linked
            for kind, content in _pictures(table, picture_format) if picture_format in formats else ():
                name = _picture_name(table, kind, picture_format)
                files.append(RenderedFile(picture_format, name, content))
                links[table.setting].setdefault(kind, name)
                if picture_format == "svg":
                    drawn[table.setting][kind] = content
    for document, name in FILES.items():
        if document in formats:
            files.append(RenderedFile(document, name, _text(leaderboard, document, filters, links, drawn).encode()))
    return files


def _pictures(table: Table, picture_format: Literal["svg", "png"]) -> list[tuple[str, bytes]]:
    """Kind and content, the overview first."""
    from leaderboard.plots import render_pictures  # loads matplotlib, which takes as long as 300 records

    return sorted(render_pictures(table, picture_format).items(), key=lambda item: (item[0] != OVERVIEW, item[0]))


def _picture_name(table: Table, kind: str, picture_format: str) -> str:
    """Where a picture lies; the setting's hash keeps names apart that become equal."""
    of_what = "-".join(map(slug, (kind, table.task, table.backbone, table.setting)))
    return f"{PICTURES_FOLDER}/{of_what}.{picture_format}"


def _text(
    leaderboard: Leaderboard,
    name: Format,
    filters: tuple[str, ...],
    links: Mapping[str, Mapping[str, str]],
    drawn: Mapping[str, Mapping[str, bytes]],
) -> str:
    """The text of a document; only what is asked for is loaded."""
    match name:
        case "markdown":
            from leaderboard.markdown import render_markdown

            return render_markdown(leaderboard, links)
        case "csv":
            from leaderboard.csv_table import render_csv

            return render_csv(leaderboard)
        case "latex":
            from leaderboard.latex import render_latex

            return render_latex(leaderboard)
        case "json":
            from leaderboard.json_document import render_json

            return render_json(leaderboard, filters)
        case "html":
            from leaderboard.page import render_page

            return render_page(leaderboard, drawn)
    raise ValueError(f"{name} is no text")
