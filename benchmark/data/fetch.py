"""Filling a mirror folder from the hub, one file at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.data.hub_split import describe_split, newest_revision, parquet_bytes, whole_split
from benchmark.data.manifest import Entry, Manifest, is_inside, sha256_of
from benchmark.data.task_sets import TaskSet
from benchmark.errors import UserError
from leaderboard.replace_file import replace_file
from tasks import DataError, HubSource, Unavailable, hub
from tasks.hub_source import hub_sources

NO_LICENCE = "none stated in the origin"


@dataclass(frozen=True)
class WantedFile:
    """A file of the mirror, and what the tasks say of it."""

    source: HubSource
    used_by: tuple[str, ...]
    label_column: str | None
    licence: str

    @property
    def file(self) -> str:
        """Path inside the mirror."""
        return self.source.file


@dataclass
class Fetched:
    """What became of the wanted files, by their paths inside the mirror."""

    fetched: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    kept_partial: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """File → the sets that need it, and why it cannot be had."""


def wanted_files(sets: Iterable[TaskSet]) -> list[WantedFile]:
    """Files that the sets read, each once, in the order of the sets.

    Raises:
        UserError: two sets want one file at different revisions, or its name leads out of the mirror.
    """
    wanted: dict[str, WantedFile] = {}
    for item in sets:
        for source in hub_sources(item.source):
            if not is_inside(source.file):
                raise UserError(f"{item.place}: {source.file!r} is no path inside a mirror; correct the task.")
            known = wanted.get(source.file, WantedFile(source, (), None, ""))
            if None not in (source.revision, known.source.revision) and source.revision != known.source.revision:
                raise UserError(
                    f"{item.place} wants {source.file} at revision {source.revision}, {known.used_by[0]} at "
                    f"{known.source.revision}; a mirror holds one of them: fetch them into two mirrors with --task."
                )
            wanted[source.file] = WantedFile(
                known.source if known.source.revision else source,
                tuple(dict.fromkeys((*known.used_by, item.place))),
                known.label_column or source.label,
                known.licence or item.licence,
            )
    return list(wanted.values())


def fetch(mirror: Path, wanted: Sequence[WantedFile], *, force: bool, say: Callable[[str], None]) -> Fetched:
    """Bring the files that the mirror lacks from the hub, and list each in the manifest as soon as it is there.

    Files that are there with the sha256 of the manifest are left alone. A file is written whole or not at all; after
    an interruption the next call goes on with the rest.

    Args:
        mirror: the folder; it is made where it does not exist.
        wanted: what is to be there afterwards.
        force: fetch also what is there, samples of a data set included.
        say: takes a line for each file.

    Raises:
        UserError: the hub does not answer, the folder cannot be written, or its manifest cannot be used.
    """
    outcome = Fetched()
    entries = Manifest(mirror).entries()
    missing: list[WantedFile] = []
    for item in wanted:
        if force:
            missing.append(item)
        else:
            _sort(item, entries.get(item.file), mirror, missing, outcome)
    for file in outcome.kept_partial:
        say(f"{file}: is a sample, and stays; --force replaces it by the whole split.")
    if missing and not hub.hub_answers():
        raise UserError(
            f"the hub does not answer, and {len(missing)} of {len(wanted)} files are to be fetched, "
            f"{missing[0].file} first; connect to the network, or copy a mirror folder that is filled already."
        )
    for number, item in enumerate(missing, start=1):
        try:
            entry = _fetch_one(item, mirror)
        except DataError as error:
            outcome.failed[item.file] = f"{error} It is needed by {', '.join(item.used_by)}."
            say(f"{number} of {len(missing)}: {item.file}: cannot be had")
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise UserError(f"mirror {mirror}: {item.file} cannot be written ({reason}).") from None
        else:
            outcome.fetched.append(item.file)
            say(f"{number} of {len(missing)}: {item.file}: {entry['rows']:,} rows, {entry['bytes']:,} bytes")
    return outcome


def _sort(item: WantedFile, entry: Entry | None, mirror: Path, missing: list[WantedFile], outcome: Fetched) -> None:
    """Say of a file whether it is to be fetched."""
    path = mirror / item.file
    if entry is None or not path.is_file():
        missing.append(item)
        return
    intact = sha256_of(path) == entry.sha256
    if entry.partial and intact:
        outcome.kept_partial.append(item.file)
    elif entry.partial:
        outcome.failed[item.file] = (
            f"{path}: is a sample whose sha256 is not the manifest's; --force replaces it by the whole split."
        )
    elif intact and (item.source.revision is None or entry.revision in (None, item.source.revision)):
        outcome.present.append(item.file)
    else:
        missing.append(item)


def _fetch_one(item: WantedFile, mirror: Path) -> dict[str, object]:
    source = item.source
    if source.only_in_mirror:
        raise Unavailable(f"{source.only_in_mirror}; copy the file from a mirror that has it.")
    revision = source.revision or newest_revision(source.dataset)
    table = whole_split(source, revision)
    content = parquet_bytes(table)
    entry = {
        "file": item.file,
        "dataset": source.dataset,
        "config": source.mirror_config or source.config,
        "split": source.split,
        **describe_split(table, item.label_column),
        "partial": False,
        "origin": [f"Hugging Face hub {source.dataset}@{revision}, config {source.config}, split {source.split}"],
        "revision": revision,
        "licence": table.info.license or item.licence or NO_LICENCE,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    path = mirror / item.file
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)
    Manifest(mirror).put(entry)  # read again: another fetch may have added to it meanwhile
    return entry
