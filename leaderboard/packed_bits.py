"""A yes or no for each text, packed into a record."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence


def pack_bits(values: Sequence[bool]) -> str:
    """Base64 of the values, eight to a byte, the first in the highest bit."""
    number = int("1" + "".join("1" if value else "0" for value in values).ljust(-(-len(values) // 8) * 8, "0"), 2)
    return base64.b64encode(number.to_bytes(1 + -(-len(values) // 8), "big")[1:]).decode()


def unpack_bits(packed: str, count: int) -> list[bool]:
    """The values again.

    Args:
        packed: from `pack_bits`, or somebody else.
        count: how many there are.

    Raises:
        ValueError: it is not base64 of so many bits.
    """
    try:
        content = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the packed bits are not base64") from None
    if len(content) != -(-count // 8):
        raise ValueError(f"there are {len(content)} bytes of packed bits, not those of {count} texts")
    return [bool(content[position // 8] >> (7 - position % 8) & 1) for position in range(count)]
