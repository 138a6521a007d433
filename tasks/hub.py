"""One split of a data set on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from tasks.columns import Table, check_columns, top_column
from tasks.errors import Unavailable, first_line
from tasks.lazy_columns import BATCH_ROWS, BatchedColumn

if TYPE_CHECKING:
    import datasets

PROBE_SECONDS = 10.0
"""How long the hub may take to answer at all."""


def hub_table(dataset: str, config: str, split: str, revision: str | None, wanted: Sequence[str]) -> Table:
    """Columns of a split at a revision, from the local cache where it is there; they read it when asked for a value.

    Args:
        dataset: its name on the hub.
        config: which of its configurations.
        split: which of its splits.
        revision: commit of its repository; None is whatever is newest.
        wanted: columns, or fields of nested ones by a dotted path.

    Raises:
        Unavailable: the split cannot be had at that revision.
        DataError: it has not all wanted columns.
    """
    import datasets

    table = hub_split(dataset, config, split, revision)
    place = _place(dataset, config, split)
    columns = list(dict.fromkeys(top_column(column, table.column_names) for column in wanted))
    check_columns(table.column_names, columns, place)
    return Table(
        {name: BatchedColumn(partial(_batches, table.select_columns([name]), name), len(table)) for name in columns},
        place,
        {
            name: tuple(feature.names)
            for name, feature in table.features.items()
            if isinstance(feature, datasets.ClassLabel)
        },
    )


def hub_split(dataset: str, config: str, split: str, revision: str | None) -> datasets.Dataset:
    """A whole split, every column as the hub has it.

    Raises:
        Unavailable: it cannot be had at that revision.
    """
    import datasets

    place = _place(dataset, config, split)
    if not hub_answers():
        # Without this each data set waits for five retries, about 23 seconds, before the cache is looked at.
        datasets.config.HF_HUB_OFFLINE = True
    try:
        table = datasets.load_dataset(dataset, config, split=split, revision=revision)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = first_line(error)
        remedy = "" if "scripts are no longer supported" in reason else "check the connection or "
        raise Unavailable(
            f"{place}: cannot be loaded from the hub ({reason}); {remedy}name a mirror folder with --mirror."
        ) from error
    if revision is not None:
        _check_revision(table.info.download_checksums, revision, place)
    return table


@cache
def hub_answers() -> bool:
    """Whether the hub can be reached; asked once in a process."""
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]  # named in its __init__, not in __all__

    try:
        get_session().head(ENDPOINT, timeout=PROBE_SECONDS)
    except Exception:  # of whichever HTTP library huggingface_hub uses
        return False
    return True


def _batches(table: datasets.Dataset, column: str, row: int) -> Iterator[tuple[int, list[Any]]]:
    for first in range(row, len(table), BATCH_ROWS):
        yield first, table[first : first + BATCH_ROWS][column]


def _place(dataset: str, config: str, split: str) -> str:
    return f"{dataset} ({config}, {split})"


def _check_revision(downloads: Any, revision: str, place: str) -> None:
    # When the hub cannot be reached, datasets gives the newest copy in its cache, whatever its revision.
    addresses = [str(address) for address in downloads or () if str(address).startswith("hf://datasets/")]
    for address in addresses:
        if f"@{revision}/" not in address:
            raise Unavailable(
                f"{place}: the copy in the cache is {address}, not of revision {revision}; "
                "connect to the hub once, or name a mirror folder with --mirror."
            )
