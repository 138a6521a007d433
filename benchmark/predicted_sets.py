"""The evaluation sets that a run has predicted, so that an interrupted one goes on with the next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from benchmark.file_digest import sha256_of
from leaderboard.checksum import CHECKSUM, checksum, with_checksum
from leaderboard.read_bounded import read_bounded
from leaderboard.record import EvaluatedSet
from leaderboard.replace_file import replace_file

if TYPE_CHECKING:
    from tasks.loading import Part

PREDICTED_FILE = "predicted.json"
"""File beside the logits, until the record is written."""


class PredictedSets:
    """What the record will say of each set whose logits are on the disk already."""

    def __init__(self, folder: Path, model: str) -> None:
        """Read what an interrupted run left.

        Args:
            folder: the cell's own folder, which need not exist.
            model: what stands for everything but the texts that logits depend on.
        """
        self._folder = folder
        self._path = folder / "logits" / PREDICTED_FILE
        self._model = model
        self._sets: dict[str, Any] = self._read()

    def find(self, name: str, part: Part) -> EvaluatedSet | None:
        """A set as it was predicted from the same texts; None where it was not, or its file is not what it was."""
        entry = self._sets.get(name)
        if entry is None or entry.get("texts") != part.sha256:
            return None
        try:
            found = EvaluatedSet.model_validate(entry["set"])
            whole = sha256_of(self._folder / f"logits/{name}.npz") == found.logits_sha256
        except (OSError, ValueError, KeyError):
            return None
        return found if whole else None

    def add(self, name: str, part: Part, evaluated: EvaluatedSet) -> None:
        """Put a set on the disk before returning; its logits are there."""
        self._sets[name] = {"texts": part.sha256, "set": evaluated.model_dump(mode="json")}
        replace_file(self._path, with_checksum({"model": self._model, "sets": self._sets}))

    def _read(self) -> dict[str, Any]:
        try:
            content = from_json(read_bounded(self._path))
            if content["model"] == self._model and content[CHECKSUM] == checksum(content):
                return dict(content["sets"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return {}


def forget_predicted_sets(folder: Path) -> None:
    """Remove from a cell's folder what only an unfinished cell needs."""
    (folder / "logits" / PREDICTED_FILE).unlink(missing_ok=True)
