"""Names of others as names of folders."""

from __future__ import annotations

import re

LONGEST = 100
"""Characters; file systems allow 255 bytes."""

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""What Windows takes for a device, with any ending."""


def path_component(name: str, otherwise: str) -> str:
    """A name as one path component: letters, digits, dots, hyphens and underscores of ASCII.

    It is no way out of a folder, hidden file, option of a command or device, on any system. Different names may become
    the same: below it, paths hold a hash that keeps them apart.

    Args:
        name: any text.
        otherwise: what to call a name of which nothing is left.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "--", name).strip(".")[:LONGEST].rstrip(".") or otherwise
    return f"_{plain}" if plain.startswith("-") or RESERVED.fullmatch(plain) else plain
