"""Fixed splits and samples.

Texts are ordered by a hash of the seed and the text. The order depends on nothing else: not on the order of the
source, not on a library's random generator; and equal texts never fall on both sides of a split.
"""

from __future__ import annotations

import hashlib
import heapq
from array import array

from tasks.examples import Examples

ORDER_BYTES = 8
"""Bytes of a text's hash that are kept while a sample is drawn; where they are equal, the rows are looked at."""


def split(examples: Examples, size: int, seed: int) -> tuple[Examples, Examples]:
    """Set about ``size`` examples aside.

    Args:
        examples: what to split.
        size: distinct texts to set aside; repeats of a text go with it. 0 to the number of distinct texts.
        seed: another seed gives another split.

    Returns:
        The set-aside examples and the rest, both in their original order.
    """
    digests = [_digest(key, seed) for key in examples.each_key()]
    aside = set(sorted(set(digests))[:size])
    rows = range(len(digests))
    return (
        examples.select(array("q", (row for row in rows if digests[row] in aside))),
        examples.select(array("q", (row for row in rows if digests[row] not in aside))),
    )


def sample(examples: Examples, size: int | None, seed: int) -> Examples:
    """At most ``size`` examples (None: all), in their original order; a larger sample contains a smaller one."""
    if size is None or size >= len(examples):
        return examples
    if not size:
        return examples.select(())
    import numpy as np

    # Texts may be too many to be held, so of each no more is held than the beginning of its hash.
    beginnings = (int.from_bytes(_digest(key, seed)[:ORDER_BYTES]) for key in examples.each_key())
    order = np.fromiter(beginnings, np.uint64, len(examples))
    last = np.partition(order, size - 1)[size - 1]
    certain = array("q", np.flatnonzero(order < last).tobytes())
    tied = array("q", np.flatnonzero(order == last).tobytes())
    chosen = heapq.merge(certain, sorted(_first(examples, tied, size - len(certain), seed)))
    return examples.select(array("q", chosen))


def _first(examples: Examples, rows: array[int], size: int, seed: int) -> list[int]:
    """The first of some rows. Equal keys are told apart by what the rows hold, so that samples nest and the source's
    order plays no part.
    """
    if size == len(rows):
        return list(rows)
    few = examples.select(rows)
    order = zip(
        (_digest(key, seed) for key in few.each_key()),
        few.texts,
        few.second_texts or few.texts,
        few.labels or rows,
        rows,
        strict=True,
    )
    return [row for *_, row in sorted(order)[:size]]


def _digest(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\t{key}".encode()).digest()
