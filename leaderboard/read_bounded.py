"""Reading a small file that anybody may have made."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LONGEST = 16 * 2**20
"""Bytes of a file of facts (a record, a manifest, a journal's line, a suite): a thousand times what is usual."""


def read_bounded(path: Path, longest: int = LONGEST) -> bytes:
    """The bytes of a file, if it is a regular one and not absurdly long; a pipe or a device is never waited for.

    Nesting is bounded by the parser: `pydantic_core.from_json` refuses JSON that is deeper than 200.

    Args:
        path: the file.
        longest: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no regular file, or is longer; ``strerror`` says which.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if status.st_size > longest:
            raise OSError(errno.EFBIG, f"it is longer than {longest:,} bytes", str(path))
        return file.read()
