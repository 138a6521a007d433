"""Adversarial sets made here: texts that an attack on one model found, for the evaluation of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.errors import DataError, Unavailable
from tasks.file_source import FileSource
from tasks.sources import Loaded

FOLDER = Path("transfer-sets")
"""Where transfer sets lie unless another folder is named, relative to the working folder."""

TEXT, SECOND_TEXT, LABEL = "text", "second_text", "label"
"""Columns of a transfer set's file; the second text is there for pairs only."""


@dataclass(frozen=True, kw_only=True)
class TransferSet:
    """The texts that ``roast-bench attack --save-set NAME`` kept: successful attacks on one model, true labels.

    The file's metadata say which model, recipe, budget and seed made them. They are part of the set's fingerprint:
    equal texts from another model are other data.
    """

    task: str
    name: str
    folder: Path = FOLDER

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.task / f"{self.name}.parquet"

    def load(self, mirror: Path | None) -> Loaded:
        """Read the file; a mirror plays no part.

        Raises:
            Unavailable: there is no such file; says which command makes it.
            DataError: it is malformed, or does not say how its texts came about.
        """
        if not self.path.is_file():
            folder = "" if self.folder == FOLDER else f" --transfer-sets {self.folder}"
            raise Unavailable(
                f"not made yet; roast-bench attack CHECKPOINT --task {self.task} --attack RECIPE "
                f"--save-set {self.name}{folder} makes it."
            )
        loaded = FileSource(path=self.path, label=LABEL).load(mirror)
        if not loaded.provenance:
            raise DataError(
                f"{self.path}: does not say which model and attack its texts come from; "
                "it must be a file of roast-bench attack --save-set."
            )
        return loaded
