"""A folder of one's own on a machine that does not share the output folder."""

from __future__ import annotations

import getpass
import os
import stat
import tempfile
from pathlib import Path

from benchmark.errors import UserError


def scratch_folder() -> Path:
    """This user's folder for cells below the system's folder for temporary files (``TMPDIR``); made where missing.

    Raises:
        UserError: it cannot be made, or is not this user's alone: whoever else can write there could put files into it.
    """
    folder = Path(tempfile.gettempdir()) / f"roast-bench-{_user()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UserError(f"scratch folder {folder}: cannot be made ({os.strerror(error.errno or 0)}).") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UserError(f"scratch folder {folder}: others than this user can write there; remove it or set TMPDIR.")
    return folder


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for the number, as in some containers
        return str(os.getuid())
