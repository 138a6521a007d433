"""A check's findings, to be read on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.data.findings import Finding, Report, SetReport
from benchmark.printable import printable

EXAMPLE = 80
"""Characters of an example text to show."""


def report_lines(report: Report) -> Iterator[str]:
    """A table for each task, then the findings, errors first, and how many there are."""
    from tabulate import tabulate

    if report.mirror is not None:
        state = "see below" if report.mirror.findings else "all as MANIFEST.json says"
        yield from (f"mirror {report.mirror.folder}: {report.mirror.files} files, {state}", "")
    for task in report.tasks:
        rows = [_row(item) for item in task.sets]
        headers = [task.name, "role", "rows", "classes", "words: median, 95 %, most", "errors", "notes"]
        yield from tabulate(rows, headers, tablefmt="simple", disable_numparse=True).splitlines()
        yield ""
    said: dict[str, list[str]] = {}  # several tasks may have the same set
    for finding in sorted(report.findings(), key=lambda finding: finding.severity):
        said.setdefault(_what(finding), []).append(finding.place)
    for what, places in said.items():
        severity, _, message = what.partition("\t")
        yield f"{severity:<5}  {printable(', '.join(places))}: {message}"
    yield from ([""] if said else [])
    yield f"{_number(report.count('error'), 'error')}, {_number(report.count('note'), 'note')}."


def _row(item: SetReport) -> list[str]:
    severities = [finding.severity for finding in item.findings]
    return [
        item.name,
        item.role,
        "missing" if item.rows is None else f"{item.rows:,}{' (sample)' if item.partial else ''}",
        ", ".join(f"{name} {count:,}" for name, count in (item.classes or {}).items()) or "–",
        "–" if item.words is None else f"{item.words.median:,}, {item.words.percentile_95:,}, {item.words.longest:,}",
        str(severities.count("error") or "–"),
        str(severities.count("note") or "–"),
    ]


def _what(finding: Finding) -> str:
    example = f", such as: {printable(finding.example, EXAMPLE)}" if finding.example is not None else ""
    return f"{finding.severity}\t{printable(finding.message)}{example}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
