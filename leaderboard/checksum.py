"""The checksum that a record carries of itself, so that a changed one is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json

CHECKSUM = "checksum"
"""The field of a record that holds it."""


def checksum(content: Mapping[str, Any]) -> str:
    """sha256 of a record's content but for its checksum, in the order of its keys; layout and line ends do not count.

    Args:
        content: the record as JSON values.
    """
    return hashlib.sha256(to_json({key: value for key, value in content.items() if key != CHECKSUM})).hexdigest()


def with_checksum(content: Mapping[str, Any]) -> bytes:
    """A record as the bytes of its file, its checksum put in or renewed.

    Args:
        content: the record as JSON values.
    """
    values = from_json(to_json(content))  # numbers as whoever reads the file will see them
    return to_json({**values, CHECKSUM: checksum(values)}, indent=2) + b"\n"
