"""Files that a record names, and none outside its folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def path_inside(folder: Path, name: str) -> Path | None:
    """The place of a file that somebody's record names, which need not exist.

    Args:
        folder: where the record lies.
        name: relative to it.

    Returns:
        The path; None where it leads out of the folder (absolute, by ``..`` or by a link) or can be no path.
    """
    file = PurePosixPath(name)
    if not name.isprintable() or file.is_absolute() or ".." in file.parts or not file.parts:
        return None
    path = folder / file
    try:
        path.exists()  # says so where a name is too long, which resolving a path does not
        return path if path.resolve().is_relative_to(folder.resolve()) else None
    except (OSError, RuntimeError):  # too long, or links in a circle
        return None
