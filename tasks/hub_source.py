"""Texts of a data set on the Hugging Face hub, or of its copy in a mirror folder with the hub's schemas."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.columns import Table, is_blank, joined, texts_of
from tasks.errors import Unavailable
from tasks.examples import Examples
from tasks.hub import hub_table
from tasks.label_codes import label_indices
from tasks.mirror import mirror_table
from tasks.sources import HeldOut, Joined, Loaded, Remainder, Source


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """One split of a data set on the Hugging Face hub, at a pinned revision, or its file in a mirror.

    A mirror holds ``<dataset>/<config>/<split>.parquet`` in the hub's schema, and ``MANIFEST.json`` which says of each
    file whether it is partial, and its sha256. Columns are given by name, fields of nested ones by a dotted path
    (``translation.en``).
    """

    dataset: str
    config: str
    split: str
    revision: str | None = None
    """Commit of the data set's repository; None where it is not pinned: the newest is loaded then."""
    text: str
    joined_with: str | None = None
    """A second column of the same text: question pairs as one anomaly, or a title before its review."""
    second_text: str | None = None
    label: str | None = None
    labels: Mapping[Any, int] = field(default_factory=dict)
    """Label → index of the task's label. A label is written by the name that the data set's own schema gives its code;
    as the column holds it where the schema has no names."""
    left_out: tuple[Any, ...] = ()
    """Labels whose rows are not used. A row whose label is in neither is refused."""
    skip_blank: bool = False
    """Leave rows without a text out instead of refusing them."""
    mirror_config: str | None = None
    """The config's name in a mirror, where it differs."""
    only_in_mirror: str = ""
    """Why the hub cannot give it, where that is known."""

    @property
    def file(self) -> str:
        """Path inside a mirror."""
        return f"{self.dataset}/{self.mirror_config or self.config}/{self.split}.parquet"

    @property
    def columns(self) -> list[str]:
        """The columns it reads, nested ones by their path."""
        named = (self.text, self.joined_with, self.second_text, self.label)
        return [column for column in named if column is not None]

    def load(self, mirror: Path | None) -> Loaded:
        """Read the mirror's file where a mirror is given, else load from the hub.

        Raises:
            Unavailable: the hub or the mirror does not have it.
            DataError: it is malformed; says in which row and column.
        """
        if mirror is not None:
            table, partial = mirror_table(mirror, self.file, self.columns)
            return Loaded(self.examples(table), partial)
        if self.only_in_mirror:
            raise Unavailable(
                f"{self.dataset} ({self.config}, {self.split}): {self.only_in_mirror}; "
                "name a mirror folder that holds it with --mirror."
            )
        table = hub_table(self.dataset, self.config, self.split, self.revision, self.columns)
        return Loaded(self.examples(table), partial=False)

    def examples(self, table: Table) -> Examples:
        """The used rows of its columns.

        Raises:
            DataError: a used row has no text, or any row a label that is not expected.
        """
        texts = table.column(self.text)
        place, column = table.place, self.text
        if self.joined_with is not None:
            texts = joined(texts, table.column(self.joined_with))
            column = f"{self.text} + {self.joined_with}"
        seconds = None if self.second_text is None else table.column(self.second_text)
        labels = None if self.label is None else self._indices(table, self.label)

        rows: Sequence[int] = range(len(texts))
        if labels is not None and None in labels:
            rows = array("q", (row for row in rows if labels[row] is not None))
        if self.skip_blank:
            rows = array(
                "q", (row for row in rows if not (is_blank(texts[row]) or (seconds and is_blank(seconds[row]))))
            )
        return Examples(
            texts=texts_of(texts, rows, column, place),
            second_texts=None if seconds is None else texts_of(seconds, rows, str(self.second_text), place),
            labels=None if labels is None else tuple(index for row in rows if (index := labels[row]) is not None),
        )

    def _indices(self, table: Table, column: str) -> list[int | None]:
        names = table.label_names.get(column)
        return label_indices(table.column(column), self.labels, self.left_out, names, column, table.place)


def hub_sources(source: Source) -> tuple[HubSource, ...]:
    """The hub data sets that a source is made from; none for texts from elsewhere."""
    match source:
        case HubSource():
            return (source,)
        case HeldOut() | Remainder():
            return hub_sources(source.source)
        case Joined():
            return tuple(found for part in source.parts for found in hub_sources(part))
        case _:
            return ()


def hub_origin(source: Source) -> str:
    """Data sets, configs, splits and revisions of a source, in words, for its card."""
    splits: dict[tuple[str, str, str | None], list[str]] = {}
    for found in hub_sources(source):
        splits.setdefault((found.dataset, found.config, found.revision), []).append(found.split)
    return "; ".join(
        f"{dataset} ({config}, {' + '.join(names)})" + (f" at {revision[:12]}" if revision else ", revision not pinned")
        for (dataset, config, revision), names in splits.items()
    )
