"""Bringing a cell's files from a machine that does not share the output folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from benchmark.cell import MODEL
from benchmark.file_digest import sha256_of
from leaderboard.record import RECORD_FILE, Record, read_record
from leaderboard.replace_file import replace_file, temporary_name

FOLDERS = ("logits", "attacks", MODEL)
"""Folders of a cell whose files are brought back, beside its record."""

PART = 8 << 20
"""Bytes sent at a time."""


class DamagedOnTheWay(Exception):
    """What arrived is not what was sent, or not what may be sent."""


@dataclass(frozen=True)
class SentFile:
    """A file to bring back: its name relative to the cell's folder, its size in bytes and its sha256."""

    name: str
    size: int
    sha256: str


def record_alone(folder: Path) -> tuple[SentFile, ...]:
    """The record of a cell that failed; what else there is of it stays, for another try to go on from."""
    return (_to_send(folder, folder / RECORD_FILE),)


def files_to_send(folder: Path) -> tuple[SentFile, ...]:
    """The files of a finished cell, the record last."""
    found = [
        path
        for part in FOLDERS
        for path in sorted((folder / part).rglob("*"))
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    ]
    return tuple(_to_send(folder, path) for path in [*found, folder / RECORD_FILE])


def _to_send(folder: Path, path: Path) -> SentFile:
    return SentFile(path.relative_to(folder).as_posix(), path.stat().st_size, sha256_of(path))


def parts_of(folder: Path, files: Sequence[SentFile]) -> Iterator[bytes]:
    """The bytes of the files, one after the other, in parts of at most `PART`; no part holds bytes of two files."""
    for file in files:
        with (folder / file.name).open("rb") as content:
            while part := content.read(PART):
                yield part


class Arrival:
    """Files on their way into a cell's folder. None has its name there before all have arrived whole."""

    def __init__(self, folder: Path, files: Sequence[SentFile], config_hash: str) -> None:
        """Expect files.

        Args:
            folder: the cell's folder in the output folder; need not exist.
            files: what will arrive, in this order.
            config_hash: of the cell whose record must be among them.

        Raises:
            DamagedOnTheWay: a name is not that of a file which a cell leaves, is there twice, or there is no record.
        """
        names = [file.name for file in files]
        for name in names:
            if not is_file_of_a_cell(name):
                raise DamagedOnTheWay(f"{name!r} is no name of a file that a cell leaves")
        if len(set(names)) < len(names) or names[-1:] != [RECORD_FILE]:
            raise DamagedOnTheWay("the list of its files is not whole")
        self._folder = folder
        self._files = files
        self._config_hash = config_hash
        self._staged: list[Path] = []
        self._open: IO[bytes] | None = None
        self._left = 0
        self._digest = hashlib.sha256()

    @property
    def complete(self) -> bool:
        """Whether every file has arrived."""
        return self._open is None and len(self._staged) == len(self._files)

    def take(self, part: bytes) -> None:
        """Take the next part.

        Raises:
            DamagedOnTheWay: it is not what was announced.
            OSError: it cannot be written.
        """
        self._begin_files()
        if self._open is None or len(part) > self._left:
            raise DamagedOnTheWay("more arrived than was announced")
        self._open.write(part)
        self._digest.update(part)
        self._left -= len(part)
        self._begin_files()

    def put_in_place(self) -> Record:
        """Give every file its name, the record last, and return the record.

        Raises:
            DamagedOnTheWay: the record is not one of this cell.
            OSError: a file cannot be put there.
        """
        self._begin_files()
        if not self.complete:
            raise DamagedOnTheWay("less arrived than was announced")
        *others, staged_record = self._staged
        try:
            record = read_record(staged_record)
        except ValueError as error:
            raise DamagedOnTheWay(str(error).replace(str(staged_record), "its record")) from None
        if record.cell.config_hash != self._config_hash:
            raise DamagedOnTheWay("its record is that of another cell")
        for file, staged in zip(self._files, others, strict=False):
            os.replace(staged, self._folder / file.name)
        replace_file(self._folder / RECORD_FILE, staged_record.read_bytes())
        self.discard()
        return record

    def discard(self) -> None:
        """Remove what has arrived but has no name of its own."""
        if self._open is not None:
            self._open.close()
            self._open = None
        for staged in self._staged:
            with suppress(OSError):
                staged.unlink(missing_ok=True)

    def _begin_files(self) -> None:
        """Finish a file of which everything is there, and begin the next, and so on while they are empty."""
        while self._left == 0:
            if self._open is not None:
                self._finish_file()
            if len(self._staged) == len(self._files):
                return
            file = self._files[len(self._staged)]
            target = self._folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.parent.resolve().is_relative_to(self._folder.resolve()):
                raise DamagedOnTheWay(f"{file.name!r} leads out of the cell's folder")
            staged = temporary_name(target)
            self._open = staged.open("xb")
            self._staged.append(staged)
            self._left, self._digest = file.size, hashlib.sha256()

    def _finish_file(self) -> None:
        assert self._open is not None
        self._open.flush()
        os.fsync(self._open.fileno())
        self._open.close()
        self._open = None
        file = self._files[len(self._staged) - 1]
        if self._digest.hexdigest() != file.sha256:
            raise DamagedOnTheWay(f"{file.name} has another sha256 than it had when it was sent")


def is_file_of_a_cell(name: str) -> bool:
    """Whether a name, relative to a cell's folder, is one that a cell gives to a file; none leads out of the folder."""
    path = PurePosixPath(name)
    if name != str(path) or path.is_absolute() or "\\" in name or not name.isprintable():
        return False
    if any(part.startswith(".") for part in path.parts):
        return False
    return name == RECORD_FILE or (len(path.parts) > 1 and path.parts[0] in FOLDERS)
