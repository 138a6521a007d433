"""The cell of a record, planned again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from benchmark.attacks import attacks
from benchmark.backbones import Backbone, commit_on_hub
from benchmark.checkpoint_evaluation import CheckpointCell, plan_evaluation
from benchmark.differences import Difference, differences, in_words
from benchmark.errors import UserError
from benchmark.plan import Cell, plan
from benchmark.planned import hash_of
from benchmark.plugins import plugin_sources
from benchmark.suite import Suite, first_problem
from benchmark.trust import NO_TRUST, Trust
from leaderboard.record import RECORD_FILE, Record, RecordError, find_records, read_record
from tasks import tasks

if TYPE_CHECKING:
    from benchmark.planned import Planned

DIFFERENCES_SHOWN = 5
"""More are counted only."""

REMEDIES = {
    "backbone": "name the backbone that was trained with --backbone",
    "checkpoint": "name the checkpoint that was scored with --checkpoint",
    "mirror": "give the same --mirror as then",
    "method_source": "load the same plug-in with --plugin",
    "plugin_sources": "load the same plug-in with --plugin",
    "files": "bring back the file as it was, or name it with --eval-set or --transfer-sets",
}
"""First key of a difference → what makes it go away."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things are now, and what they may do; None, or nothing, is where the record says that they were."""

    backbone: str | None = None
    """Short name, folder or hub id."""
    checkpoint: str | None = None
    """Folder or hub id."""
    mirror: Path | None = None
    eval_sets: tuple[str, ...] = ()
    """Each takes the place of the record's evaluation set of that name."""
    transfer_sets: Path | None = None
    trust: Trust = NO_TRUST
    """What the model's files may do; nobody else's record decides that."""


def find_record(place: Path) -> Path:
    """The record at a place: the file itself, or the one in a folder.

    Raises:
        UserError: there is none.
    """
    path = place / RECORD_FILE if place.is_dir() else place
    if path.is_file():
        return path
    below = find_records(place) if place.is_dir() else []
    nearest = f"; name one of the {len(below):,} below it, such as {below[0].parent}" if below else ""
    raise UserError(f"{place}: there is no {RECORD_FILE}{nearest}.")


def read_finished(path: Path) -> Record:
    """The record of a finished cell.

    Raises:
        UserError: it cannot be used, it was changed after it was written, or the cell failed.
    """
    try:
        record = read_record(path)
    except RecordError as error:
        raise UserError(str(error)) from None
    if record.failure is not None:
        raise UserError(
            f"{path}: the cell failed ({record.failure.kind}: {record.failure.message.rstrip('.')}), so there is "
            "nothing to compare with; `roast-bench run` tries a failed cell again."
        )
    if hash_of(record.configuration.resolved) != record.cell.config_hash:
        raise UserError(
            f"{path}: configuration.resolved is not what cell.config_hash {record.cell.config_hash} stands for, so it "
            "was changed after it was written; verify the record as it was."
        )
    return record


def plan_again(path: Path, record: Record, places: Places) -> Planned:
    """The very cell that a record is of.

    Args:
        path: the record's file, for errors.
        record: of a finished cell.
        places: where things are now.

    Raises:
        UserError: something is not there any more, or what is there makes it another cell.
    """
    resolved = record.configuration.resolved
    try:
        cell = _checkpoint_cell(record, places) if "checkpoint" in resolved else _cell(record, places)
    except UserError as error:
        raise UserError(f"{path}: {error}{_missing_plugins(resolved)}") from None
    if cell.config_hash != record.cell.config_hash:
        raise UserError(f"{path}: what is here makes another cell: {_in_one_line(resolved, cell.resolved())}")
    return cell


def _cell(record: Record, places: Places) -> Cell:
    if places.checkpoint is not None:
        raise UserError(f"--checkpoint {places.checkpoint}: the record is of a cell of `run`; use --backbone.")
    resolved, given = record.configuration.resolved, record.configuration.given
    name, identity = _named(resolved.get("backbone"), "backbone")
    backbone = places.backbone or _backbone_as_given(name, given)
    content = {
        "name": record.cell.suite,
        "tasks": [resolved.get("task")],
        "backbones": [backbone],
        "methods": [resolved.get("method")],
        "seeds": [resolved.get("seed")],
        "hyper_parameters": {str(resolved.get("method")): resolved.get("hyper_parameters")},
        **{key: resolved.get(key) for key in ("training", "evaluation", "attacks")},
    }
    try:
        suite = Suite.model_validate(content)
    except ValidationError as error:
        raise UserError(f"configuration.resolved cannot be read: {first_problem(error)}") from None
    (cell,) = plan(
        suite,
        places.mirror,
        eval_sets=_eval_sets(given, places.eval_sets),
        transfer_sets=places.transfer_sets,
        trust=places.trust,
    )
    return dataclasses.replace(cell, backbone=_as_of_then(cell.backbone, name, identity))


def _checkpoint_cell(record: Record, places: Places) -> CheckpointCell:
    if places.backbone is not None:
        raise UserError(f"--backbone {places.backbone}: the record is of `evaluate`; use --checkpoint.")
    resolved, given = record.configuration.resolved, record.configuration.given
    name, identity = _named(resolved["checkpoint"], "checkpoint")
    where = places.checkpoint or given.get("checkpoint")
    labels = resolved["checkpoint"].get("labels")
    evaluation = resolved.get("evaluation")
    listed = resolved.get("attacks")
    if not (
        isinstance(where, str)
        and isinstance(evaluation, dict)
        and isinstance(evaluation.get("max_length"), int)
        and isinstance(labels, list)
        and isinstance(listed, list)
    ):
        raise UserError("configuration.resolved cannot be read: it lacks what `evaluate` writes.")
    return plan_evaluation(
        where,
        str(resolved.get("task")),
        name=name,
        revision=_commit(identity),
        labels=[str(label) for label in labels],
        max_length=evaluation["max_length"],
        evaluation={key: value for key, value in evaluation.items() if key != "max_length"},
        attack_fields=listed,
        eval_sets=_eval_sets(given, places.eval_sets),
        transfer_sets=places.transfer_sets,
        mirror=places.mirror,
        trust=places.trust,
    )


def _named(value: Any, key: str) -> tuple[str, str]:
    if isinstance(value, dict) and isinstance(value.get("name"), str) and isinstance(value.get("identity"), str):
        return value["name"], value["identity"]
    raise UserError(f"configuration.resolved.{key} cannot be read: it needs a name and an identity.")


def _backbone_as_given(name: str, given: Mapping[str, Any]) -> str:
    """How the user named a backbone, of which the record's configuration only keeps a folder's last part.

    Raises:
        UserError: it was a folder, and is not there.
    """
    listed = given.get("backbones")
    backbones = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    if name in backbones or not backbones:
        return name
    folders = [item for item in backbones if Path(item).expanduser().resolve().name == name]
    for folder in folders:
        if Path(folder).expanduser().is_dir():
            return folder
    was = f" was {folders[0]}, which" if folders else ""
    raise UserError(f"backbone {name}{was} is not here; name its folder with --backbone.")


def _as_of_then(found: Backbone, name: str, identity: str) -> Backbone:
    """The backbone: of one on the hub the record's commit, not the present one; of the same files the record's name."""
    if found.identity == identity:
        return dataclasses.replace(found, name=name)
    commit = _commit(identity)
    if commit is None or found.revision is None or identity != f"hub:{found.name}@{commit}":
        return found
    commit_on_hub("backbone", found.name, commit)
    return dataclasses.replace(found, identity=identity, revision=commit)


def _commit(identity: str) -> str | None:
    return identity.rpartition("@")[2] if identity.startswith("hub:") else None


def _eval_sets(given: Mapping[str, Any], now: Sequence[str]) -> tuple[str, ...]:
    """The user's evaluation sets as written for the record, each of them as written now where it is."""
    listed = given.get("eval_sets")
    then = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    by_name = {item.partition("=")[0]: item for item in [*then, *now]}
    return tuple(by_name.values())


def _in_one_line(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    found = list(differences(dict(then), dict(now)))
    shown = "; ".join(map(str, found[:DIFFERENCES_SHOWN]))
    more = f" and {len(found) - DIFFERENCES_SHOWN} more" if len(found) > DIFFERENCES_SHOWN else ""
    return f"{shown}{more}{_remedy(found)}."


def _remedy(found: Sequence[Difference]) -> str:
    remedies = dict.fromkeys(REMEDIES[key] for item in found if (key := item.where.partition(".")[0]) in REMEDIES)
    return "".join(f"; {remedy}" for remedy in remedies)


def _missing_plugins(resolved: Mapping[str, Any]) -> str:
    """What to say of plug-ins that the record was made with, where what they brought is not known here."""
    sources = resolved.get("plugin_sources")
    needed = dict(sources) if isinstance(sources, dict) else {}
    if "method_source" in resolved:
        needed[f"method {resolved.get('method')}"] = resolved["method_source"]
    loaded = set(plugin_sources.values())
    lacking = [
        f"{what} {in_words(source)}"
        for what, source in needed.items()
        if not set(str(source).split(", ")) <= loaded and not _registered(what)
    ]
    return f" The record was made with a plug-in; load it with --plugin: {', '.join(lacking)}." if lacking else ""


def _registered(what: str) -> bool:
    kind, _, name = what.partition(" ")
    return (kind == "task" and name in tasks) or (kind == "attack" and name in attacks)
