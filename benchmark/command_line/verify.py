"""``roast-bench verify``: run the cell of a record again and compare."""

from __future__ import annotations

import math
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.command_line.attack_options import AttackWorkers
from benchmark.command_line.echo import echo, echo_json
from benchmark.command_line.options import (
    AsJson,
    EvalSets,
    Mirror,
    PickledWeights,
    Plugins,
    TransferSets,
    TrustRemoteCode,
    UnpickleTaggers,
    check_folder,
    load_plugins,
    trusted,
    use_mirror,
)

if TYPE_CHECKING:
    from benchmark.compared_attacks import ComparedTexts
    from benchmark.compared_logits import ComparedLogits
    from benchmark.differences import Difference
    from benchmark.verification import Compared, Verification

SHOWN = 10
"""Differences of one kind that are printed; --json gives all."""


def verify(
    record: Annotated[Path, typer.Argument(help="A record.json, or the folder that holds it.", show_default=False)],
    backbone: Annotated[
        str | None, typer.Option(help="Where the backbone is now: folder or hub id; by default where the record says.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Where the checkpoint of a record of `evaluate` is now; likewise.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to keep the rerun in, and to go on from there; by default a temporary one."),
    ] = None,
    mirror: Mirror = None,
    eval_set: EvalSets = None,
    transfer_sets: TransferSets = None,
    attack_workers: AttackWorkers = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS", min=1, help="Save training every so many steps, not only at the end of an epoch."
        ),
    ] = None,
    pickled_weights: PickledWeights = False,
    trust_remote_code: TrustRemoteCode = False,
    unpickle_taggers: UnpickleTaggers = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Run the cell of a record again and say what differs; exit code 0 where nothing does, 1 where something does."""
    from benchmark.recorded_cell import Places, find_record, plan_again, read_finished

    path = find_record(record)
    recorded = read_finished(path)
    load_plugins(plugin)
    use_mirror(mirror)
    check_folder("--transfer-sets", transfer_sets)
    places = Places(
        backbone=backbone,
        checkpoint=checkpoint,
        mirror=mirror,
        eval_sets=tuple(eval_set or ()),
        transfer_sets=transfer_sets,
        trust=trusted(
            pickled_weights=pickled_weights, remote_code=trust_remote_code, unpickle_taggers=unpickle_taggers
        ),
    )
    cell = plan_again(path, recorded, places)

    from benchmark.execution import Execution
    from benchmark.progress import Reporter
    from benchmark.verification import compare, run_again

    execution = Execution(attack_workers=attack_workers, checkpoint_every=checkpoint_every)
    temporary = tempfile.TemporaryDirectory(prefix="roast-bench-verify-") if out is None else nullcontext(str(out))
    with temporary as folder:
        with Reporter() as reporter:
            rerun_path, rerun = run_again(
                cell, path, recorded, Path(folder), reporter, mirror=mirror, execution=execution
            )
        found = compare(recorded, path.parent, rerun, rerun_path.parent)
    kept = None if out is None else rerun_path
    if as_json:
        echo_json(_as_json(found, path, kept))
    else:
        _print(found, path, kept)
    raise typer.Exit(0 if found.equal else 1)


def _print(found: Verification, path: Path, kept: Path | None) -> None:
    echo(f"Record: {path}")
    if kept is not None:
        echo(f"Rerun:  {kept}")
    _print_circumstances(found)
    if found.rerun.failure is not None:
        failure = found.rerun.failure
        echo(f"differs: the record's cell finished; now it fails ({failure.kind}: {failure.message}).")
        return
    for group in (found.data, found.training, found.scores, found.attacks):
        _print_differences([item for items in group.differing.values() for item in items])
    for name, logits in found.logits.items():
        if said := _of_logits(logits):
            echo(f"  logits of {name}: {said}")
    for name, texts in found.texts.items():
        if said := _of_texts(texts):
            echo(f"  texts of {name}: {said}")
    echo(f"{'verified' if found.equal else 'differs'}: {', '.join(_counts(found))}.")


def _print_circumstances(found: Verification) -> None:
    """On what both were made, and so whether equality was to be expected."""
    if found.circumstances:
        echo("Made in other circumstances, so that results may differ:")
        _print_differences(list(found.circumstances))
    else:
        echo("Made on the same code, packages and machine.")
    if found.record.code.dirty or found.rerun.code.dirty:
        echo("The code had changes that no commit holds; the version does not say which.")


def _print_differences(found: list[Difference]) -> None:
    for difference in found[:SHOWN]:
        echo(f"  {difference}")
    if len(found) > SHOWN:
        echo(f"  and {len(found) - SHOWN:,} more of this kind; --json gives all.")


def _counts(found: Verification) -> list[str]:
    groups = {
        "sets of texts the same": found.data,
        "figures of training equal": found.training,
        "scores equal": found.scores,
        "attacks equal": found.attacks,
    }
    return [
        f"{found.equal_sets} of {len(found.logits)} sets equal to the bit",
        *(f"{group.equal} of {len(group.names)} {what}" for what, group in groups.items() if group.names),
    ]


def _of_logits(item: ComparedLogits) -> str:
    said = []
    if item.other_class is not None and not item.equal:
        said += [
            f"{item.other_class:,} of {item.rows:,} rows of another class",
            f"largest difference {item.largest_difference:.3g}",
        ]
    if item.note:
        said.append(item.note)
    return "; ".join(said)


def _of_texts(item: ComparedTexts) -> str:
    said = []
    if item.other_outcome or item.other_text:
        said.append(f"{item.other_outcome:,} examples with another outcome, {item.other_text:,} with another text")
    if item.note:
        said.append(item.note)
    return "; ".join(said)


def _as_json(found: Verification, path: Path, kept: Path | None) -> dict[str, Any]:
    groups = {"data": found.data, "training": found.training, "scores": found.scores, "attacks": found.attacks}
    return {
        "equal": found.equal,
        "record": str(path),
        "rerun": None if kept is None else str(kept),
        "status": found.rerun.status,
        "failure": None if found.rerun.failure is None else found.rerun.failure.model_dump(mode="json"),
        "circumstances": [_difference(item) for item in found.circumstances],
        **{name: _group(group) for name, group in groups.items()},
        "logits": {
            name: {
                "equal": item.equal,
                "rows": item.rows,
                "other_class": item.other_class,
                "largest_difference": _finite(item.largest_difference),
                "note": item.note,
            }
            for name, item in found.logits.items()
        },
        "texts": {
            name: {"other_outcome": item.other_outcome, "other_text": item.other_text, "note": item.note}
            for name, item in found.texts.items()
        },
    }


def _group(group: Compared) -> dict[str, Any]:
    return {
        "compared": len(group.names),
        "equal": group.equal,
        "differences": [_difference(item) for items in group.differing.values() for item in items],
    }


def _difference(item: Difference) -> dict[str, Any]:
    """One that a record lacks has no value for it; null is a value."""
    from benchmark.differences import ABSENT

    values = {"record": item.old, "rerun": item.new}
    return {"where": item.where, **{whose: value for whose, value in values.items() if value is not ABSENT}}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
