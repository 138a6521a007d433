"""One split of a data set on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from tasks.columns import check_columns
from tasks.errors import Unavailable

PROBE_SECONDS = 10.0
"""How long the hub may take to answer at all."""


def hub_columns(dataset: str, config: str, split: str, revision: str, wanted: Sequence[str]) -> dict[str, list[Any]]:
    """Columns of a split at a revision, from the local cache where it is there.

    Raises:
        DataError: the split cannot be had at that revision, or has not all wanted columns.
    """
    import datasets

    place = f"{dataset} ({config}, {split})"
    if not hub_answers():
        # Without this each data set waits for five retries, about 23 seconds, before the cache is looked at.
        datasets.config.HF_HUB_OFFLINE = True
    try:
        table = datasets.load_dataset(dataset, config, split=split, revision=revision)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(
            f"{place}: cannot be loaded from the hub ({reason}); "
            "check the connection or name a mirror folder with --mirror."
        ) from error
    _check_revision(table.info.download_checksums, revision, place)
    check_columns(table.column_names, wanted, place)
    return dict(table.select_columns(list(wanted)).to_dict())


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


def _check_revision(downloads: Any, revision: str, place: str) -> None:
    # When the hub cannot be reached, datasets gives the newest copy in its cache, whatever its revision.
    addresses = [str(address) for address in downloads or () if str(address).startswith("hf://datasets/")]
    for address in addresses:
        if f"@{revision}/" not in address:
            raise Unavailable(
                f"{place}: the copy in the cache is {address}, not of revision {revision}; "
                "connect to the hub once, or name a mirror folder with --mirror."
            )
