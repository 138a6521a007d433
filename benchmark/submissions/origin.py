"""Which code and packages made a record."""

from __future__ import annotations

import datetime
import re

import benchmark
from benchmark.provenance import package_versions
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_VERSION = re.compile(r"\d+(\.\d+)*")


def check_origin(submission: Submission) -> None:
    """Finished, by a known and unchanged version of roast-bench, with all packages that shape results named.

    Raises:
        Problem: it is not.
    """
    record = submission.record
    if record.status != "finished":
        raise Problem("is of a cell that failed; submit finished cells")
    if record.checksum is None:
        raise Problem("has no checksum; run the cell with a version of roast-bench that writes one")
    if _parts(record.code.version, "code.version") > _parts(benchmark.__version__, "own version"):
        raise Problem(
            f"code.version is {record.code.version!r}, newer than this roast-bench {benchmark.__version__}; "
            "check it with the version that made it"
        )
    if record.code.dirty:
        raise Problem("code.dirty is true: it was made with uncommitted changes; run it from a clean checkout")
    for package in package_versions():
        if package not in record.packages:
            raise Problem(f"packages: lacks the version of {package}")
        _parts(record.packages[package], f"packages.{package}")
    _check_started(record.started)


def _parts(version: str, where: str) -> tuple[int, ...]:
    found = _VERSION.match(version)
    if found is None or len(version) > 64:
        raise Problem(f"{where} is {version[:64]!r}, which is no version such as 1.2.3")
    return tuple(int(part[:9]) for part in found.group().split("."))


def _check_started(started: str) -> None:
    try:
        when = datetime.datetime.fromisoformat(started)
    except ValueError:
        raise Problem(f"started is {started[:64]!r}, which is no time in ISO 8601") from None
    if when.tzinfo is None:
        raise Problem(f"started is {started[:64]!r}, which has no time zone; it must be UTC")
    if when.utcoffset() or not _TIME.fullmatch(started):
        raise Problem(f"started is {started[:64]!r}; it must be UTC, as 2026-01-31T12:34:56+00:00")
    if when > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1):
        raise Problem(f"started is {started!r}, which is in the future")
