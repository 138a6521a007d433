"""``roast-bench doctor``: what this machine has and lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from benchmark.command_line.echo import echo, echo_json
from benchmark.command_line.options import AsJson

if TYPE_CHECKING:
    from benchmark.doctor import Finding

MARKS = {"ok": "ok     ", "missing": "MISSING", "note": "note   "}


def doctor(as_json: AsJson = False) -> None:
    """Say what this machine has and lacks for a run, with the fix; exit code 1 where something needed is missing."""
    from benchmark.doctor import examine

    findings = examine()
    if as_json:
        echo_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            echo(_line(finding))
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    fix = f"  →  {finding.fix}" if finding.fix else ""
    return f"{MARKS[finding.state]}  {finding.subject}: {finding.found}{fix}"
