"""Names of label codes in a Parquet file that the datasets library wrote."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import from_json

from tasks.errors import DataError


def schema_label_names(metadata: Mapping[bytes, bytes] | None, place: str) -> dict[str, tuple[str, ...]]:
    """Names of each column's codes 0, 1, …, for the columns that have some.

    Args:
        metadata: of the file's schema.
        place: the file, for errors.

    Raises:
        DataError: the columns are described in another way than the datasets library does.
    """
    described = (metadata or {}).get(b"huggingface")
    if described is None:  # written by something else
        return {}
    try:
        return {
            column: tuple(map(str, feature["names"]))
            for column, feature in from_json(described)["info"]["features"].items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{place}: its schema does not describe its columns as the hub does ({error!r}).") from None
