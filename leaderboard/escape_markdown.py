"""Text made inert in GitHub's Markdown."""

from __future__ import annotations

import re

_ESCAPES = str.maketrans(
    {
        # As entities: what HTML, tables, mathematics and the escaping itself would read.
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "|": "&#124;",
        "\\": "&#92;",
        "$": "&#36;",
        # With a backslash, which keeps the source readable.
        **{character: f"\\{character}" for character in "`*[]~"},
    }
)

# Addresses and @names become links by themselves; an invisible space inside stops that.
_SELF_LINKING = re.compile(r"(:)(//)|(@)()|(www)(\.)", re.IGNORECASE)

# An underscore within a word is only itself, and names such as acc_in stay readable in the source.
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")

# What would start a heading, a list or a rule at the beginning of a line.
_BLOCK_START = re.compile(r"^(?:(\d+)([.)])|()([#+\-=]))")


def escape_markdown(text: str) -> str:
    """Markdown that renders as exactly this text: no markup, link, image, HTML, mathematics or table cell in it.

    Line breaks become spaces. The result may stand in a table cell, in a list item or at the beginning of a line.
    """
    escaped = " ".join(text.split()).translate(_ESCAPES)
    escaped = _SELF_LINKING.sub(_split, escaped)
    escaped = _UNDERSCORE.sub(r"\\_", escaped)
    return _BLOCK_START.sub(lambda match: "\\".join(_groups(match)), escaped)


def _split(match: re.Match[str]) -> str:
    return "&#8203;".join(_groups(match))


def _groups(match: re.Match[str]) -> list[str]:
    return [part for part in match.groups() if part is not None]
