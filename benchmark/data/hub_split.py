"""One whole split of a hub data set: every column, as the hub has it."""

from __future__ import annotations

import io
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from tasks import HubSource, Unavailable
from tasks.errors import first_line
from tasks.hub import hub_split

if TYPE_CHECKING:
    import datasets

ANSWER_SECONDS = 10.0
"""How long the hub may take to say which commit is the newest."""

ROWS_AT_ONCE = 10_000


def newest_revision(dataset: str) -> str:
    """Commit that the data set's repository is at.

    Raises:
        Unavailable: the hub does not say.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        commit = HfApi().dataset_info(dataset, timeout=ANSWER_SECONDS).sha
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise Unavailable(f"{dataset}: the hub does not say its newest revision ({first_line(error)}).") from error
    if not commit:
        raise Unavailable(f"{dataset}: the hub does not say its newest revision.")
    return commit


def whole_split(source: HubSource, revision: str) -> datasets.Dataset:
    """Download a split.

    Raises:
        Unavailable: it cannot be had at that revision.
    """
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    return hub_split(source.dataset, source.config, source.split, revision)


def parquet_bytes(table: datasets.Dataset) -> bytes:
    """The split as a Parquet file whose schema carries the hub's types and label names; equal rows give equal bytes."""
    import pyarrow.parquet

    schema = table.features.arrow_schema
    file = io.BytesIO()
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in table.with_format("arrow").iter(ROWS_AT_ONCE):
            writer.write_table(rows.cast(schema))
    return file.getvalue()


def describe_split(table: datasets.Dataset, label_column: str | None) -> dict[str, Any]:
    """What a mirror's manifest says of the rows.

    Args:
        table: the split.
        label_column: the column that a task reads labels from; None for the first column that has label names.
    """
    import datasets

    named = {
        name: feature.names for name, feature in table.features.items() if isinstance(feature, datasets.ClassLabel)
    }
    if label_column not in table.column_names:
        label_column = next(iter(named), None)
    counts = Counter(table.with_format("arrow")[label_column].to_pylist()) if label_column else {}
    return {
        "rows": len(table),
        "columns": {field.name: str(field.type) for field in table.features.arrow_schema},
        "label_column": label_column,
        "label_counts": {str(value): counts[value] for value in sorted(counts, key=_order)},
        "label_names": named.get(label_column) if label_column else None,
    }


def _order(value: object) -> tuple[str, Any]:
    return (type(value).__name__, value if isinstance(value, int | float | str) else str(value))
