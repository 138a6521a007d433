"""The leaderboard as LaTeX tables for a paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leaderboard.escape_latex import escape_latex
from leaderboard.layout import READING, Entry, direction_and_unit, entries, legend, partial_mark, shows_cost
from leaderboard.slug import slug
from leaderboard.table import Leaderboard, Table

_BEFORE = (
    "% Made from record files by `roast-bench leaderboard`; edits are overwritten.",
    r"% For \input; needs \usepackage{booktabs} and nothing else, under any engine.",
    r"% With \usepackage{graphicx}, a table that is wider than the text is scaled to its width.",
)

_USED_BOX = (
    r"  \ifdim\wd0>\linewidth",
    r"    \ifdefined\resizebox\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
    r"  \else\usebox0\fi",
)
"""The table, which was typeset first to see how wide it is: three seeds of every perspective and an attack are wider
than the text of most classes, and what runs off the page is Δ and rank."""


def render_latex(leaderboard: Leaderboard) -> str:
    r"""One ``table`` environment for each table, ruled by booktabs, for ``\input`` into a document.

    The best value of a column is bold; marks of significance are superscripts that the notes below the table explain.
    Everything is ASCII. The same leaderboard gives the same text, with a line break at its end.
    """
    parts = ["\n".join(_BEFORE)]
    if not leaderboard.groups:
        parts.append("% No cell has finished.")
    for group in leaderboard.groups:
        if len(group.tables) > 1:
            about = f"{group.task}, {group.backbone}: {len(group.tables)} tables, not to be compared with each other."
            parts.append("\n".join(_comments([f"{about} What differs, in their order:", *group.differences])))
        parts += [_table(table) for table in group.tables]
    if leaderboard.failures:
        failed = [
            f"{cell.task}, {cell.backbone}, {cell.method}, seed {cell.seed}: {cell.kind}: {cell.message}"
            for cell in leaderboard.failures
        ]
        parts.append("\n".join(_comments(["Failed cells:", *failed])))
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    headings = [
        "method",
        *(
            _stacked([*column.short[:-1], column.short[-1] + partial_mark(column), direction_and_unit(column)])
            for column in table.columns
        ),
        _stacked(["Δ", "↑ %"]),
        _stacked(["rank", "↓"]),
        *([_stacked(["cost", "↓"])] if shows_cost(table) else []),
        "seeds",
    ]
    rows = [[escape_latex(row[0].text), *map(_cell, row[1:])] for row in entries(table)]
    suites = f"{'suite' if len(table.suites) == 1 else 'suites'} {', '.join(table.suites)}"
    caption = f"{table.task}, {table.backbone} ({suites}; setting {table.setting}). The best of a column is bold."
    notes = [READING, *map(_sentence, legend(table)), *table.notes, f"Records: {table.records}.", f"{table.versions}."]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering\footnotesize\setlength{\tabcolsep}{3pt}",
            r"  \setlength{\abovecaptionskip}{0pt}\setlength{\belowcaptionskip}{6pt}",
            rf"  \caption{{{escape_latex(caption)}}}",
            rf"  \label{{tab:{slug(table.task)}-{slug(table.backbone)}-{slug(table.setting)}}}",
            rf"  \sbox0{{\begin{{tabular}}{{@{{}}l{'r' * (len(headings) - 2)}l@{{}}}}",
            r"    \toprule",
            f"    {_line(headings)}",
            r"    \midrule",
            *(f"    {_line(row)}" for row in rows),
            r"    \bottomrule",
            r"  \end{tabular}}",
            *_USED_BOX,
            r"  \par\smallskip",
            r"  \begin{minipage}{\linewidth}\raggedright",
            *(f"    {escape_latex(note)}" for note in notes),
            r"  \end{minipage}",
            r"\end{table}",
        ]
    )


def _cell(entry: Entry) -> str:
    text = escape_latex(entry.text.replace("-", "−"))
    bold = rf"\textbf{{{text}}}" if entry.best else text
    return rf"{bold}\textsuperscript{{{escape_latex(entry.marks)}}}" if entry.marks else bold


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _stacked(lines: Sequence[str]) -> str:
    stacked = r"\\".join(map(escape_latex, lines))
    return rf"\shortstack[r]{{{stacked}}}"


def _sentence(line: str) -> str:
    return line if line.endswith(".") else f"{line}."


def _comments(lines: Iterable[str]) -> list[str]:
    return [f"% {escape_latex(line)}" for line in lines]
