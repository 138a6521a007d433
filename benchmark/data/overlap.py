"""Texts that two sets share: letters and digits compared, case ignored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmark.data.findings import Finding
from benchmark.data.loaded_set import LoadedSet


def overlap(rows_of: LoadedSet, among: LoadedSet, described: str) -> Iterator[Finding]:
    """Rows of one set whose text is in another as well.

    Args:
        rows_of: the set whose rows are counted.
        among: the set that they are looked for in.
        described: what that set is called in the message.

    Yields:
        One note, where there are any.
    """
    shared = [row for row, key in enumerate(rows_of.keys) if key in among.distinct_keys]
    if shared:
        total = len(rows_of.examples)
        share = len(shared) / total
        yield Finding(
            severity="note",
            place=rows_of.item.place,
            kind=f"overlap with {among.item.name}",
            message=f"rows with a text of {described}: {len(shared):,} of {total:,} ({share:.2%})",
            count=len(shared),
            share=share,
            example=rows_of.text(shared[0]),
        )


def overlaps_between_roles(sets: Sequence[LoadedSet]) -> Iterator[Finding]:
    """Overlaps of evaluation sets of different roles, counted in the smaller set (of equal ones, the later)."""
    for place, first in enumerate(sets):
        for second in sets[place + 1 :]:
            if first.item.role != second.item.role:
                swap = len(first.examples) < len(second.examples)
                rows_of, among = (first, second) if swap else (second, first)
                yield from overlap(rows_of, among, f"{among.item.name} ({among.item.role})")
