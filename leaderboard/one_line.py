"""Text that comes from records, made fit for one line that anybody may read."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# An absolute path with at least one folder: a leaderboard is published, and a folder names a person or a machine.
_ABSOLUTE_PATH = re.compile(
    r"""(?<![\w:/\\.~-])                 # not inside org/name, not after the scheme of an address
        (?:~?/|[A-Za-z]:[\\/]|\\\\)      # /, ~/, C:\ or \\server
        (?:[^\s\\/'"`<>|:,;()]+[\\/])+   # folders
        ([^\s\\/'"`<>|:,;()]*)           # what they hold""",
    re.VERBOSE,
)


@lru_cache(maxsize=4096)  # the same few names come with every record
def one_line(text: str, limit: int = 160) -> str:
    """Text on one line of at most ``limit`` characters.

    Line breaks and control characters become spaces, invisible format characters (the ones that reverse or hide
    text) are dropped, unpaired surrogates and what Unicode has set aside as no characters (no XML file may hold some of
    them) become U+FFFD, and absolute paths keep only their last part.
    """
    line = " ".join("".join(_visible(character) for character in text).split())
    line = _ABSOLUTE_PATH.sub(r"…/\1", line)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cf":
        return ""
    return "\ufffd" if category == "Cs" or _is_no_character(ord(character)) else character


def _is_no_character(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
