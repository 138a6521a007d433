"""What the soak scripts here share: how each is started, and what each says at its end."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate


@dataclass(frozen=True)
class Report:
    """What one script tried and what came out."""

    title: str
    """Its heading on the page: "Killed at random points"."""
    summary: Sequence[str]
    """Sentences, each whole: "20 of 20 points equal.". Without times, dates and paths, which differ every time."""
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    """Cells of the table; None is an empty one, everything else is shown as ``str`` has it."""
    passed: bool


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """A parser with what all scripts take: ``--json`` and ``--seed``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the report to this file as well")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn at random (default: 0)")
    return parser


def conclude(report: Report, arguments: argparse.Namespace) -> int:
    """Print a report, write it where asked to; the exit code: 1 where it did not pass."""
    print(f"\n{markdown(report)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(dataclasses.asdict(report), default=str), encoding="utf-8")
    return 0 if report.passed else 1


def markdown(report: Report) -> str:
    """A report as a section of the page."""
    parts = [f"## {report.title}", "\n".join(f"- {sentence}" for sentence in report.summary)]
    if report.rows:
        rows = [["" if value is None else str(value) for value in row] for row in report.rows]
        parts.append(tabulate(rows, report.columns, tablefmt="github", disable_numparse=True))
    return "\n\n".join(part for part in parts if part)
