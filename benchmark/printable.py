"""Texts of others on a terminal."""

from __future__ import annotations

import unicodedata

SYMBOLS = 0x2400
"""Unicode has a picture for each of the first 32 control characters from here on: ␀ ␁ … ␛ …"""

NOT_PRINTED = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of characters that move the cursor, change the direction of writing, are no characters, or break lines."""


def printable(text: str, longest: int | None = None) -> str:
    """The text on one line, with a visible sign for each character that could change more than one place on a screen.

    Args:
        text: any text.
        longest: characters to show; a longer text is cut, and its length is said. None: all.
    """
    shown = text if longest is None else text[:longest]
    signs = shown if shown.isprintable() else "".join(_sign(character) for character in shown)
    return signs if len(shown) == len(text) else f"{signs}… ({len(text):,} characters)"


def _sign(character: str) -> str:
    if unicodedata.category(character) not in NOT_PRINTED:
        return character
    code = ord(character)
    return chr(SYMBOLS + code) if code < 32 else f"<U+{code:04X}>"
