"""The leaderboard as GitHub-ready Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tabulate import tabulate

from leaderboard.escape_markdown import escape_markdown
from leaderboard.layout import READING, Entry, below, direction_and_unit, entries, partial_mark, shows_cost
from leaderboard.table import FailedCell, Group, Leaderboard, Table


def render_markdown(leaderboard: Leaderboard, pictures: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The leaderboard as one Markdown document.

    Args:
        leaderboard: what to show.
        pictures: setting id → kind of picture → file, relative to the document; names made of letters, digits, dots,
            slashes and hyphens only. The first of a table is shown, the others are linked.

    Returns:
        The text, with a line break at its end. The same leaderboard gives the same text.
    """
    parts = [
        "# Leaderboard",
        "Made from record files by `roast-bench leaderboard`; edits are overwritten. "
        "↑ higher is better, ↓ lower is better, the best value of a column is bold.",
        escape_markdown(READING),
    ]
    if not leaderboard.groups:
        parts.append("No cell has finished.")
    for group in leaderboard.groups:
        parts += _group(group, pictures or {})
    if leaderboard.failures:
        parts += ["## Failed cells", _failures(leaderboard.failures)]
    return "\n\n".join(parts) + "\n"


def _group(group: Group, pictures: Mapping[str, Mapping[str, str]]) -> list[str]:
    parts = [f"## {escape_markdown(group.task)}, {escape_markdown(group.backbone)}"]
    if len(group.tables) > 1:
        parts.append(
            f"{len(group.tables)} tables, whose rows may not be compared with each other. "
            "What differs, in the order of the tables:"
        )
        parts.append(_list(group.differences))
    for table in group.tables:
        parts += [f"### Setting {table.setting}"] if len(group.tables) > 1 else []
        parts += _table(table, pictures.get(table.setting, {}))
    return parts


def _table(table: Table, pictures: Mapping[str, str]) -> list[str]:
    headings = [
        escape_markdown(f"{column.name}{partial_mark(column)} {direction_and_unit(column)}") for column in table.columns
    ]
    headings += ["Δ ↑ %", "rank ↓", *(["cost ↓"] if shows_cost(table) else [])]
    grid = tabulate(
        [[escape_markdown(row[0].text), *map(_number, row[1:])] for row in entries(table)],
        headers=["method", *headings, "seeds"],
        tablefmt="github",
        disable_numparse=True,
        colalign=("left", *["right"] * len(headings), "left"),
    )
    parts = [grid]
    parts += _pictures(table, pictures)
    return [*parts, _list(below(table))]


def _pictures(table: Table, pictures: Mapping[str, str]) -> list[str]:
    if not pictures:
        return []
    (_, shown), *others = pictures.items()
    about = escape_markdown(f"The five perspectives of {table.task}, {table.backbone}, by method")
    links = ", ".join(f"[{escape_markdown(kind.replace('-', ' '))}]({file})" for kind, file in others)
    return [f"![{about}]({shown})", *([f"More pictures: {links}."] if links else [])]


def _number(entry: Entry) -> str:
    number = f"**{entry.text}**" if entry.best else entry.text
    return f"{number} {entry.marks}" if entry.marks else number


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escape_markdown(line)}" for line in lines)


def _failures(failures: Iterable[FailedCell]) -> str:
    return tabulate(
        [
            [
                escape_markdown(text)
                for text in (cell.task, cell.backbone, cell.method, str(cell.seed), cell.kind, cell.message)
            ]
            for cell in failures
        ],
        headers=["task", "backbone", "method", "seed", "error", "message"],
        tablefmt="github",
        disable_numparse=True,
    )
