"""``MANIFEST.json`` of a mirror: what each file holds, and the sha256 of its bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from benchmark.errors import UserError
from leaderboard.read_bounded import read_bounded
from leaderboard.replace_file import replace_file
from tasks.mirror import MANIFEST

FORMAT = 1
STEP_OF_A_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


class Entry(BaseModel):
    """What is read of a file's entry; the rest is left as it is."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    file: str
    """Path inside the mirror."""
    partial: bool
    rows: int | None = None
    sha256: str | None = None
    revision: str | None = None
    """Commit of the hub data set that the file was fetched from."""


class Manifest:
    """A mirror's manifest; entries and keys that are not known here are kept.

    Args:
        mirror: the folder.

    Raises:
        UserError: the file is there, but cannot be read or is of another shape or format.
    """

    def __init__(self, mirror: Path) -> None:
        self.path = mirror / MANIFEST
        self.content: dict[str, Any] = {"format": FORMAT, "datasets": []}
        try:
            self.content = from_json(read_bounded(self.path))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path}: cannot be read: {' '.join(str(error).split())}") from None
        datasets = self.content.get("datasets") if isinstance(self.content, dict) else None
        if not isinstance(datasets, list):
            raise UserError(f"{self.path}: has no list 'datasets' with an entry for each file.")
        if self.content.get("format") != FORMAT:
            raise UserError(f"{self.path}: is of format {self.content.get('format')!r}; this version reads {FORMAT}.")

    def entries(self) -> dict[str, Entry]:
        """Entries of the data sets by file.

        Raises:
            UserError: one lacks what is needed here, or names a file twice or outside the mirror.
        """
        found: dict[str, Entry] = {}
        for number, listed in enumerate(self.content["datasets"], start=1):
            try:
                entry = Entry.model_validate(listed)
            except ValidationError as error:
                first = error.errors()[0]
                key = ".".join(map(str, first["loc"]))
                raise UserError(f"{self.path}: entry {number}, {key or 'as a whole'}: {first['msg']}.") from None
            if not is_inside(entry.file):
                raise UserError(f"{self.path}: entry {number}: {entry.file!r} is no path inside the mirror.")
            if entry.file in found:
                raise UserError(f"{self.path}: entry {number}: {entry.file} is listed twice.")
            found[entry.file] = entry
        return found

    def put(self, entry: Mapping[str, Any]) -> None:
        """Add a file's entry, or put it in the place of the one that is there, and write the manifest.

        Raises:
            OSError: the folder cannot be written to.
        """
        listed = self.content["datasets"]
        places = [place for place, other in enumerate(listed) if other["file"] == entry["file"]]
        if places:
            listed[places[0]] = dict(entry)
        else:
            listed.append(dict(entry))
        replace_file(self.path, json.dumps(self.content, indent=1, ensure_ascii=False).encode() + b"\n")


def is_inside(file: str) -> bool:
    """Whether a path is relative and made of plain names only, so that it cannot lead out of a mirror."""
    return all(STEP_OF_A_PATH.fullmatch(step) for step in file.split("/"))


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
