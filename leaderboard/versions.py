"""The versions that a table's records name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leaderboard.one_line import one_line
from leaderboard.record import Code, Record

_PACKAGES = ("torch", "transformers")


def versions_of(records: Sequence[Record]) -> str:
    """Packages, code and devices on one line; several values are separated by a slash."""
    named = [
        (package, _distinct(record.packages.get(package, "unknown") for record in records)) for package in _PACKAGES
    ]
    named.append(("roast-bench", _distinct(_code(record.code) for record in records)))
    named.append(("device", _distinct(record.machine.device for record in records)))
    return "; ".join(f"{name} {values}" for name, values in named)


def _code(code: Code) -> str:
    details = [f"commit {code.commit[:10]}"] if code.commit else []
    details += ["uncommitted changes"] if code.dirty else []
    return f"{code.version} ({', '.join(details)})" if details else code.version


def _distinct(values: Iterable[str]) -> str:
    return " / ".join(sorted({one_line(value, 80) for value in values}))
