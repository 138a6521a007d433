"""Is one set what its card says, and fit to be scored?"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

from benchmark.data.findings import Finding, Lengths
from benchmark.data.loaded_set import LoadedSet
from tasks import Examples


def check_set(given: LoadedSet) -> Iterator[Finding]:
    """Look at the rows of one set by themselves."""
    if given.loaded.partial:
        yield _finding("note", given, "partial", f"is a sample of {given.item.origin}.")
    else:
        yield from _check_card(given)
    if not len(given.examples):
        yield _finding("error", given, "rows", "has no rows.")
        return
    yield from _check_labels(given)
    if given.without_text:
        message = f"rows without text: {_share(len(given.without_text), given)}; the first is {given.without_text[0]}."
        yield _finding("error", given, "empty", message, len(given.without_text))
    else:
        yield from _check_repeats(given)


def class_counts(labels: Sequence[str], examples: Examples) -> dict[str, int]:
    """Rows of each class by its name; labels that are no class are left out."""
    counts = Counter(examples.labels or ())
    return {name: counts[index] for index, name in enumerate(labels)}


def word_counts(examples: Examples) -> Lengths:
    """Median, 95th percentile (both by nearest rank) and maximum of the words of each row; it must have rows."""
    words = sorted(sum(len(text.split()) for text in texts) for texts in examples.rows())
    median, percentile_95 = (words[math.ceil(len(words) * percent / 100) - 1] for percent in (50, 95))
    return Lengths(median=median, percentile_95=percentile_95, longest=words[-1])


def _check_card(given: LoadedSet) -> Iterator[Finding]:
    item, rows = given.item, len(given.examples)
    if item.rows not in (None, rows):
        message = f"has {rows:,} rows, the card says {item.rows:,}; it must be {item.origin}."
        yield _finding("error", given, "rows", message)
    if item.sha256 not in (None, given.sha256):
        message = f"has fingerprint {given.sha256[:12]}…, the card says {item.sha256[:12]}…; it must be {item.origin}."
        yield _finding("error", given, "fingerprint", message)


def _check_labels(given: LoadedSet) -> Iterator[Finding]:
    names, labels = given.item.labels, given.examples.labels
    if names is None:
        return
    if labels is None:
        yield _finding("error", given, "labels", f"has no labels; each row needs one of {', '.join(names)}.")
        return
    wrong = [row for row, label in enumerate(labels, start=1) if label not in range(len(names))]
    if wrong:
        message = (
            f"rows with a label out of range: {_share(len(wrong), given)}; the first is {wrong[0]} with "
            f"{labels[wrong[0] - 1]!r}; labels are 0 to {len(names) - 1} ({', '.join(names)})."
        )
        yield _finding("error", given, "labels", message, len(wrong))
    absent = [name for name, count in class_counts(names, given.examples).items() if not count]
    if absent:
        yield _finding("note", given, "classes", f"has no row of class {', '.join(absent)}.")


def _check_repeats(given: LoadedSet) -> Iterator[Finding]:
    rows_of = defaultdict(list)
    for row, key in enumerate(given.keys):
        rows_of[key].append(row)
    repeated = [rows for rows in rows_of.values() if len(rows) > 1]
    if not repeated:
        return
    surplus = sum(map(len, repeated)) - len(repeated)
    message = f"rows that repeat the text of an earlier one: {_share(surplus, given)}"
    yield _finding("note", given, "duplicates", message, surplus, given.text(repeated[0][1]))
    labels = given.examples.labels
    if given.item.labels is None or labels is None:
        return
    conflicting = [rows for rows in repeated if len({labels[row] for row in rows}) > 1]
    if conflicting:
        rows = sum(map(len, conflicting))
        message = f"rows whose text has another label elsewhere in the set: {_share(rows, given)}"
        yield _finding("note", given, "conflicting labels", message, rows, given.text(conflicting[0][0]))


def _share(count: int, given: LoadedSet) -> str:
    total = len(given.examples)
    return f"{count:,} of {total:,} ({count / total:.2%})"


def _finding(
    severity: Literal["error", "note"],
    given: LoadedSet,
    kind: str,
    message: str,
    count: int | None = None,
    example: str | None = None,
) -> Finding:
    return Finding(
        severity=severity,
        place=given.item.place,
        kind=kind,
        message=message,
        count=count,
        share=None if count is None else count / len(given.examples),
        example=example,
    )
