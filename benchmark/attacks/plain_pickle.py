"""Pickles of plain values: containers, numbers, texts and NumPy arrays, and nothing that could run code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

PLAIN = frozenset(
    {
        *(("builtins", name) for name in ("dict", "list", "tuple", "set", "frozenset", "int", "float", "bool")),
        *(("collections", name) for name in ("defaultdict", "OrderedDict")),
        *(("numpy", name) for name in ("ndarray", "dtype")),
        *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
        ("_codecs", "encode"),
    }
)
"""What a pickle may name, by module and name: types of plain values, and what NumPy makes arrays of bytes with.

``_codecs.encode`` is how Python 3 writes bytes in the protocols that Python 2 reads.
"""


class NotPlainError(ValueError):
    """A file is no pickle, or names something that is no plain value; the message says which."""


def load_plain_pickle(path: Path) -> Any:
    """The value in a pickle file; nothing is imported for it, and nothing called, but what `PLAIN` lists.

    Raises:
        NotPlainError: the file is no pickle, or holds something else than plain values.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        return _PlainUnpickler(io.BytesIO(content)).load()
    except NotPlainError as error:
        raise NotPlainError(f"{path}: {error}") from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise NotPlainError(f"{path}: is no pickle of plain values ({type(error).__name__})") from None


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = "builtins" if module == "__builtin__" else module  # its name in Python 2
        if (module, name) not in PLAIN:
            raise NotPlainError(f"its pickle names {module}.{name}, which is no plain value and could run code")
        return super().find_class(module, name)
