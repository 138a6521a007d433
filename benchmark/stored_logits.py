"""Logits on disk: one file for each evaluation set, written once."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import UserError
from leaderboard.read_bounded import read_bounded
from leaderboard.replace_file import replace_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_FILE = 2**33
"""Bytes of a file of logits: those of three classes of 500 million texts."""


def store_logits(path: Path, logits: NDArray[np.float32], labels: tuple[int, ...] | None) -> str:
    """Write logits (n, C) and labels (n,), if any, as NumPy's ``.npz``; return the file's sha256.

    The bytes depend on the values alone.
    """
    arrays: dict[str, NDArray[np.generic]] = {"logits": logits}
    if labels is not None:
        arrays["labels"] = np.array(labels, np.int64)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    data = content.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
    return hashlib.sha256(data).hexdigest()


def read_logits(path: Path, sha256: str | None = None) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """Logits and labels (None for an unlabelled set) from a file of `store_logits`.

    Args:
        path: the file.
        sha256: what its bytes must hash to; None is not checked.

    Raises:
        UserError: the file is missing, truncated or not such a file, or has another sha256.
    """
    try:
        data = read_bounded(path, LONGEST_FILE)
    except OSError as error:
        raise UserError(f"{path}: is not a file of stored logits ({error.strerror}).") from None
    except MemoryError:
        raise UserError(f"{path}: is larger than the memory of this machine.") from None
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise UserError(f"{path}: has sha256 {found[:12]}…, the record says {sha256[:12]}…; it is not what was scored.")
    try:
        _refuse_compressed(data)
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            logits, labels = stored["logits"], stored.get("labels")
        if not isinstance(logits, np.ndarray) or not isinstance(labels, np.ndarray | None):
            raise ValueError("its members are no arrays")
        return logits, labels
    except Exception as error:  # zipfile and NumPy raise nearly everything where somebody forged the file
        raise UserError(f"{path}: is not a file of stored logits ({error}).") from None


def _refuse_compressed(data: bytes) -> None:
    """Raise ValueError where arrays would be larger in memory than in the file: a small file could hold gigabytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        for member in file.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(data):
                raise ValueError(f"{member.filename} is compressed, which stored logits never are")
