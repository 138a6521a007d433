"""Replacing a file in one step."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp", re.DOTALL)
"""Names that files have while they are written. Others that end so are the user's."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds either the old content or the new one, never a part of it.

    Raises:
        OSError: the folder cannot be written to; a file that was there is unchanged then.
    """
    temporary = temporary_name(path)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def temporary_name(path: Path) -> Path:
    """A name beside a file's for what is written of it, of which `remove_unfinished` knows that nobody misses it."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def remove_unfinished(folder: Path, *, below: bool = True) -> None:
    """Remove what writers that were killed left in a folder, in which nobody may be writing now.

    Args:
        folder: the folder, which need not exist.
        below: also in all folders below it.
    """
    for path in folder.rglob(".*.tmp") if below else folder.glob(".*.tmp"):
        if TEMPORARY.fullmatch(path.name) and not path.is_dir():
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
