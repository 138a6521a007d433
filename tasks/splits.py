"""Fixed splits and samples.

Texts are ordered by a hash of the seed and the text. The order depends on nothing else: not on the order of the
source, not on a library's random generator; and equal texts never fall on both sides of a split.
"""

from __future__ import annotations

import hashlib

from tasks.examples import Examples


def split(examples: Examples, size: int, seed: int) -> tuple[Examples, Examples]:
    """Set about ``size`` examples aside.

    Args:
        examples: what to split.
        size: distinct texts to set aside; repeats of a text go with it. 0 to the number of distinct texts.
        seed: another seed gives another split.

    Returns:
        The set-aside examples and the rest, both in their original order.
    """
    keys = examples.keys()
    aside = set(_ordered(set(keys), seed)[:size])
    return (
        examples.select([row for row, key in enumerate(keys) if key in aside]),
        examples.select([row for row, key in enumerate(keys) if key not in aside]),
    )


def sample(examples: Examples, size: int | None, seed: int) -> Examples:
    """At most ``size`` examples (None: all), in their original order; a larger sample contains a smaller one."""
    if size is None or size >= len(examples):
        return examples
    # Equal keys are told apart by what the rows hold, so that samples nest and the source's order plays no part.
    keys = examples.keys()
    order = zip(
        (_digest(key, seed) for key in keys),
        examples.texts,
        examples.second_texts or examples.texts,
        examples.labels or range(len(examples)),
        range(len(examples)),
        strict=True,
    )
    return examples.select(sorted(row for *_, row in sorted(order)[:size]))


def _ordered(keys: set[str], seed: int) -> list[str]:
    return sorted(keys, key=lambda key: _digest(key, seed))


def _digest(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\t{key}".encode()).digest()
