"""Do the files of a mirror hold what its manifest says?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.data.findings import Finding, MirrorReport
from benchmark.data.manifest import Entry, Manifest, is_inside, sha256_of
from benchmark.errors import UserError
from tasks.mirror import MANIFEST


def check_mirror(mirror: Path) -> MirrorReport:
    """Hold every file against the manifest: its presence, its bytes and, for data sets, its rows."""
    try:
        manifest = Manifest(mirror)
        entries = manifest.entries()
    except UserError as error:
        finding = Finding(severity="error", place=MANIFEST, kind="manifest", message=str(error))
        return MirrorReport(folder=str(mirror), files=0, findings=(finding,))
    if not manifest.path.is_file():
        finding = Finding(severity="error", place=MANIFEST, kind="manifest", message=f"there is no {manifest.path}.")
        return MirrorReport(folder=str(mirror), files=0, findings=(finding,))
    others = _other_files(manifest.content)
    findings = [finding for entry in entries.values() for finding in _check_file(mirror, entry)]
    findings += [finding for listed in others for finding in _check_other(mirror, listed)]
    findings += _not_listed(mirror, {*entries, *(str(listed.get("file")) for listed in others)})
    return MirrorReport(folder=str(mirror), files=len(entries) + len(others), findings=tuple(findings))


def _other_files(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Entries of files that are no data sets, such as the corpora that NLTK reads."""
    lists = [value for key, value in content.items() if key != "datasets" and isinstance(value, list)]
    return [listed for entries in lists for listed in entries if isinstance(listed, dict) and "file" in listed]


def _check_file(mirror: Path, entry: Entry) -> Iterator[Finding]:
    yield from _check_bytes(mirror, entry.file, entry.sha256)
    path = mirror / entry.file
    if not path.is_file() or entry.rows is None:
        return
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_metadata(path).num_rows
    except (OSError, pyarrow.ArrowException):
        yield _error(entry.file, "format", "is not a readable Parquet file.")
        return
    if rows != entry.rows:
        yield _error(entry.file, "rows", f"has {rows:,} rows, {MANIFEST} says {entry.rows:,}.")


def _check_other(mirror: Path, listed: dict[str, Any]) -> Iterator[Finding]:
    file, sha256 = str(listed["file"]), listed.get("sha256")
    if is_inside(file):
        yield from _check_bytes(mirror, file, sha256 if isinstance(sha256, str) else None)
    else:
        yield _error(MANIFEST, "manifest", f"lists {file!r}, which is no path inside the mirror.")


def _check_bytes(mirror: Path, file: str, sha256: str | None) -> Iterator[Finding]:
    path = mirror / file
    if not path.is_file():
        yield _error(file, "absent", f"{MANIFEST} lists it, but there is no such file.")
        return
    if sha256 is None:
        yield Finding(severity="note", place=file, kind="sha256", message=f"{MANIFEST} has no sha256 of it.")
        return
    try:
        found = sha256_of(path)
    except OSError as error:
        yield _error(file, "format", f"cannot be read ({error.strerror}).")
        return
    if found != sha256:
        yield _error(file, "sha256", f"has sha256 {found[:12]}…, {MANIFEST} says {sha256[:12]}…; fetch it again.")


def _not_listed(mirror: Path, listed: set[str]) -> Iterator[Finding]:
    for path in sorted(mirror.rglob("*.parquet")):
        file = path.relative_to(mirror).as_posix()
        if file not in listed:
            message = f"{MANIFEST} does not list it, so no task reads it."
            yield Finding(severity="note", place=file, kind="not listed", message=message)


def _error(place: str, kind: str, message: str) -> Finding:
    return Finding(severity="error", place=place, kind=kind, message=message)
