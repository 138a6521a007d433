"""Texts of a data set on the Hugging Face hub, or of its copy in a mirror folder with the hub's schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.columns import check_columns, texts_of
from tasks.errors import DataError, Unavailable
from tasks.examples import Examples
from tasks.hub import hub_columns
from tasks.sources import Loaded


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """One split of a data set on the Hugging Face hub, at a pinned revision, or its file in a mirror.

    A mirror holds ``<dataset>/<config>/<split>.parquet`` in the hub's schema, and ``MANIFEST.json`` which says of each
    file whether it is partial.
    """

    dataset: str
    config: str
    split: str
    revision: str
    """Commit of the data set's repository."""
    text: str
    second_text: str | None = None
    label: str | None = None
    labels: Mapping[Any, int] = field(default_factory=dict)
    """Value in the label column → index of the task's label; rows with other values are left out."""
    mirror_config: str | None = None
    """The config's name in a mirror, where it differs."""

    @property
    def file(self) -> str:
        """Path inside a mirror."""
        return f"{self.dataset}/{self.mirror_config or self.config}/{self.split}.parquet"

    def load(self, mirror: Path | None) -> Loaded:
        """Read the mirror's file where a mirror is given, else load from the hub."""
        if mirror is None:
            return Loaded(self._examples(self._hub_columns(), self.dataset), partial=False)
        path = mirror / self.file
        if not path.is_file():
            raise Unavailable(f"the mirror has no file {self.file}.")
        return Loaded(self._examples(self._parquet_columns(path), str(path)), partial=self._partial(mirror))

    def _wanted(self) -> list[str]:
        return [column for column in (self.text, self.second_text, self.label) if column is not None]

    def _hub_columns(self) -> dict[str, list[Any]]:
        return hub_columns(self.dataset, self.config, self.split, self.revision, self._wanted())

    def _parquet_columns(self, path: Path) -> dict[str, list[Any]]:
        import pyarrow
        import pyarrow.parquet

        try:
            table = pyarrow.parquet.read_table(path)
        except (OSError, pyarrow.ArrowException) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise DataError(f"{path}: is not a readable Parquet file ({reason}).") from None
        check_columns(table.column_names, self._wanted(), str(path))
        return dict(table.select(self._wanted()).to_pydict())

    def _examples(self, columns: dict[str, list[Any]], place: str) -> Examples:
        kept = range(len(columns[self.text]))
        labels: tuple[int, ...] | None = None
        if self.label is not None:
            values = columns[self.label]
            kept_rows = [row for row in kept if values[row] in self.labels]
            labels = tuple(self.labels[values[row]] for row in kept_rows)
            if not kept_rows:
                raise DataError(
                    f"{place}: column {self.label!r} holds none of the expected labels "
                    f"{', '.join(map(repr, self.labels))}."
                )
        else:
            kept_rows = list(kept)
        return Examples(
            texts=texts_of(columns[self.text], kept_rows, self.text, place),
            second_texts=None
            if self.second_text is None
            else texts_of(columns[self.second_text], kept_rows, self.second_text, place),
            labels=labels,
        )

    def _partial(self, mirror: Path) -> bool:
        manifest = mirror / "MANIFEST.json"
        try:
            entries = json.loads(manifest.read_text(encoding="utf-8"))["datasets"]
            partial = {str(entry["file"]): bool(entry["partial"]) for entry in entries}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{manifest}: does not say which files are partial ({error!r}).") from None
        if self.file not in partial:
            raise DataError(f"{manifest}: does not list {self.file}, so whether it is partial is not known.")
        return partial[self.file]
