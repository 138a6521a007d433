"""Where two JSON values differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

ABSENT: Final = object()
"""Stands for a value that one of the two does not have; null is a value."""

LONGEST = 60
"""Characters of a value in words."""

LONGEST_HASH = 12
"""Digits of a hash in words."""


@dataclass(frozen=True)
class Difference:
    """One place where they differ."""

    where: str
    """Its keys, joined by dots; empty for the values themselves."""
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.where} {in_words(self.old)} → {in_words(self.new)}".strip()


def differences(old: Any, new: Any, where: str = "") -> Iterator[Difference]:
    """Every place where two JSON values differ, as deep as both have the same shape.

    Numbers are the same where they are written the same: 1 and 1.0 are not, and neither are two floats that differ in
    their last bit.

    Args:
        old: one of them.
        new: the other.
        where: put before every place.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), f"{where}.{key}" if where else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (first, second) in enumerate(zip(old, new, strict=True)):
            yield from differences(first, second, f"{where}.{index}" if where else str(index))
    elif ABSENT in (old, new) or json.dumps(old) != json.dumps(new):
        yield Difference(where, old, new)


def in_words(value: Any) -> str:
    """A JSON value in a few characters; hashes keep their first digits, numbers every digit."""
    if value is ABSENT:
        return "(absent)"
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = " ".join(_short_hash(word) for word in value.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _short_hash(word: str) -> str:
    digits = word.rpartition(":")[2].rstrip(",")
    if len(digits) in (40, 64) and set(digits) <= set("0123456789abcdef"):
        return word.replace(digits, f"{digits[:LONGEST_HASH]}…")
    return word
