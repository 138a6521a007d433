"""Attacked texts of one live attack, from two runs of the same cell."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leaderboard.record import AttackResult

TEXTS = ("attacked_text", "attacked_second_text")
COLUMNS = ("position", "outcome", *TEXTS)


@dataclass(frozen=True, kw_only=True)
class ComparedTexts:
    """What became of the texts of one attack."""

    other_outcome: int | None = None
    """Examples with another outcome; None where they could not be compared one by one."""
    other_text: int | None = None
    """Examples with another attacked text; None likewise."""
    note: str | None = None
    """What is wrong with the record's file, or why only hashes could be compared."""

    @property
    def equal(self) -> bool:
        """Whether nothing was found to differ."""
        return not (self.other_outcome or self.other_text or self.note)


def compare_texts(old: AttackResult, old_file: Path | None, new: AttackResult, new_file: Path) -> ComparedTexts:
    """Compare the examples of an attack one by one, where those of the record are still there.

    Args:
        old: the attack in the record.
        old_file: its Parquet file, where the record names one.
        new: the attack in the rerun.
        new_file: its Parquet file.
    """
    if old_file is None or not old_file.is_file():
        if old.texts_sha256 in (None, new.texts_sha256):
            return ComparedTexts()
        return ComparedTexts(note="the hash of the texts differs; the record's are not beside it")
    content = old_file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if old.texts_sha256 not in (None, found):
        return ComparedTexts(
            note=f"{old_file.name} beside the record: has sha256 {found[:12]}…, the record says "
            f"{str(old.texts_sha256)[:12]}…; it is not what the attack wrote"
        )
    rows = _rows(content)
    if rows is None:
        return ComparedTexts(note=f"{old_file.name} beside the record: is not a file of attacked texts")
    again = _rows(new_file.read_bytes())
    assert again is not None
    every = rows.keys() | again.keys()
    pairs = [(rows.get(position, {}), again.get(position, {})) for position in every]
    return ComparedTexts(
        other_outcome=sum(first.get("outcome") != second.get("outcome") for first, second in pairs),
        other_text=sum(any(first.get(key) != second.get(key) for key in TEXTS) for first, second in pairs),
    )


def _rows(content: bytes) -> dict[int, dict[str, Any]] | None:
    """Position of an example → its row; None where the bytes are not such a table."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(content), columns=list(COLUMNS))
    except (OSError, pyarrow.ArrowException):
        return None
    if set(table.column_names) != set(COLUMNS):
        return None
    return {row["position"]: row for row in table.to_pylist()}
