"""``roast-bench rescore``: scores again from stored logits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.command_line.echo import echo, echo_error, echo_json
from benchmark.command_line.options import AsJson, Plugins

if TYPE_CHECKING:
    from benchmark.rescoring import Change, Rescoring
    from leaderboard.record import Score


def rescore(
    folders: Annotated[list[Path], typer.Argument(help="Folders with records, such as runs/quickstart.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")] = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Compute the scores of finished records again from their stored logits, without a model."""
    from benchmark.progress import Reporter
    from benchmark.rescoring import records_below, rescore_records

    if plugin:
        from benchmark.command_line.options import load_plugins

        load_plugins(plugin)
    paths = records_below(folders)
    with Reporter() as reporter, reporter.phase("scoring, records", len(paths)):
        outcome = rescore_records(paths, dry_run=dry_run, on_record=reporter.advance)
    if as_json:
        echo_json(_as_json(outcome, dry_run))
    else:
        _print(outcome, folders, dry_run)
    for reason in outcome.refused.values():
        echo_error(reason)
    raise typer.Exit(2 if outcome.refused else 0)


def _print(outcome: Rescoring, folders: list[Path], dry_run: bool) -> None:
    new_metrics: dict[str, None] = {}
    with_new = 0
    for rescored in outcome.changed:
        new = [change.metric for change in rescored.changes if change.old is None]
        new_metrics.update(dict.fromkeys(new))
        with_new += bool(new)
        known = [change for change in rescored.changes if change.old is not None]
        if known:
            echo(str(rescored.path))
        for change in known:
            echo(f"  {change.set_name}, {change.metric}: {_old_to_new(change)}")
    if new_metrics:
        echo(f"New metrics in {with_new:,} records: {', '.join(new_metrics)}.")
    counts = {
        "would change" if dry_run else "rewritten": len(outcome.changed),
        "unchanged": len(outcome.unchanged),
        "of failed cells passed over": len(outcome.failed_cells),
        "left as they were": len(outcome.refused),
    }
    echo("Records: " + ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) + ".")
    if outcome.changed and not dry_run:
        echo(f"Regenerate the leaderboard: roast-bench leaderboard {' '.join(map(str, folders))}")


def _old_to_new(change: Change) -> str:
    old, new = _in_words(change.old), _in_words(change.new)
    if old == new and change.old is not None and change.new is not None:  # another unit, direction or list of sets
        old, new = (score.model_dump_json(exclude={"value", "reason"}) for score in (change.old, change.new))
    return f"{old} → {new}"


def _in_words(score: Score | None) -> str:
    if score is None:
        return "no longer computed"
    if score.value is None:
        return f"none ({score.reason})"
    return f"{score.value:.10g}"


def _as_json(outcome: Rescoring, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "changed": [
            {
                "record": str(rescored.path),
                "changes": [
                    {
                        "set": change.set_name,
                        "metric": change.metric,
                        "old": None if change.old is None else change.old.model_dump(mode="json"),
                        "new": None if change.new is None else change.new.model_dump(mode="json"),
                    }
                    for change in rescored.changes
                ],
            }
            for rescored in outcome.changed
        ],
        "unchanged": [str(path) for path in outcome.unchanged],
        "failed_cells": [str(path) for path in outcome.failed_cells],
        "refused": {str(path): reason for path, reason in outcome.refused.items()},
        "rows": outcome.rows,
    }
