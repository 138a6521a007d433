"""Whether a record is of the cell that it says it is of."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from benchmark.backbones import PACKAGED
from benchmark.checkpoint_evaluation import CHECKPOINTS
from benchmark.chosen_methods import find_method
from benchmark.declared_task import declare_task
from benchmark.errors import UserError
from benchmark.lookup import nearest
from benchmark.path_component import path_component
from benchmark.plan import hyper_parameters, source_of
from benchmark.planned import hash_of
from benchmark.submissions.problem import Problem
from benchmark.submissions.submission import Submission
from benchmark.suite import EvaluationSettings, TrainingSettings
from methods.registry import NAME_PATTERN


def check_identity(submission: Submission) -> None:
    """Coordinates, configuration, its hash and the folder's name agree; all hyper-parameters are there and in range.

    Raises:
        Problem: they do not, or are not.
    """
    cell, resolved = submission.record.cell, submission.record.configuration.resolved
    found = hash_of(resolved)
    if found != cell.config_hash:
        raise Problem(f"cell.config_hash is {cell.config_hash}, but configuration.resolved hashes to {found}")
    own = {"task": cell.task, "seed": cell.seed}
    if not submission.is_checkpoint:
        own |= {"method": cell.method}
        backbone = resolved.get("backbone")
        if not isinstance(backbone, dict) or backbone.get("name") != cell.backbone or not backbone.get("identity"):
            raise Problem(f"configuration.resolved.backbone is not the cell's {cell.backbone!r} with its identity")
    for name, value in own.items():
        if resolved.get(name) != value:
            raise Problem(f"cell.{name} is {value!r}, configuration.resolved.{name} {resolved.get(name)!r}")
    if not NAME_PATTERN.fullmatch(cell.suite):
        raise Problem(f"cell.suite is {cell.suite[:64]!r}; names are lower-case letters and digits joined by hyphens")
    if not 0 <= cell.seed < 2**32:
        raise Problem(f"cell.seed is {cell.seed}; seeds are 0 to {2**32 - 1}")
    _check_folder(submission)
    if submission.is_checkpoint:
        _check_checkpoint(submission)
        return
    _check_backbone(resolved["backbone"])
    _check_hyper_parameters(cell.method, cell.task, resolved)
    _check_settings("training", resolved, TrainingSettings)
    _check_settings("evaluation", resolved, EvaluationSettings)


def _check_checkpoint(submission: Submission) -> None:
    """It is what `evaluate` writes, and not the record of a cell that escapes the checks of one."""
    record, resolved = submission.record, submission.record.configuration.resolved
    checkpoint = resolved["checkpoint"]
    if not isinstance(checkpoint, dict) or not checkpoint.get("identity"):
        raise Problem("configuration.resolved.checkpoint is missing its identity")
    if (record.cell.backbone, record.cell.method) != (CHECKPOINTS, checkpoint.get("name")):
        raise Problem(f"is of checkpoint {checkpoint.get('name')!r}, but in the place of {record.cell.method!r}")
    if (
        record.training is not None
        or record.training_data
        or {"method", "hyper_parameters", "training"} & set(resolved)
    ):
        raise Problem("is of a checkpoint made elsewhere, of whose fine-tuning nothing can be known, but describes it")
    evaluation = resolved.get("evaluation")
    if isinstance(evaluation, dict):
        if type(evaluation.get("max_length")) is not int:
            raise Problem("configuration.resolved.evaluation: lacks max_length")
        evaluation = {key: value for key, value in evaluation.items() if key != "max_length"}
    _check_settings("evaluation", {"evaluation": evaluation}, EvaluationSettings)


def _check_backbone(given: dict[str, Any]) -> None:
    packaged = PACKAGED.get(given["name"])
    if packaged is not None and given["identity"] != f"sha256:{packaged.weights_sha256}":
        raise Problem(f"configuration.resolved.backbone is not {given['name']}: its weights have another sha256")


def _check_folder(submission: Submission) -> None:
    cell = submission.record.cell
    expected = (
        cell.task,
        path_component(cell.backbone, "backbone"),
        path_component(cell.method, "checkpoint") if submission.is_checkpoint else cell.method,
        f"seed-{cell.seed}-{cell.config_hash}",
    )
    if submission.path.resolve().parts[-5:-1] != expected:
        raise Problem(f"does not lie in {'/'.join(expected)}, the folder that `run` gives this cell")


def _check_hyper_parameters(name: str, task: str, resolved: dict[str, Any]) -> None:
    given = resolved.get("hyper_parameters")
    if not isinstance(given, dict):
        raise Problem("configuration.resolved.hyper_parameters is missing; it holds all of the method's")
    if not all(map(NAME_PATTERN.fullmatch, name.split("+"))):
        raise Problem(f"cell.method is {name!r}; names are lower-case letters and digits joined by hyphens")
    try:
        canonical, method = find_method(name)
        family = declare_task(task).family
    except UserError as error:
        if "method_source" in resolved:  # from a file of theirs: without it, nothing more can be known
            return
        raise Problem(f"cell: {str(error).rstrip('.')}; name their plug-in with --plugin") from None
    if canonical != name:
        raise Problem(f"cell.method is {name!r}, an old or short name of {canonical!r}")
    source = source_of(method)
    if resolved.get("method_source") != source:
        raise Problem(
            f"cell.method is {name}, made with the plug-in {resolved.get('method_source')!r}, but here it is "
            + ("part of roast-bench" if source is None else f"that of {source!r}")
        )
    for key in method.hyper_parameters():
        if key not in given:
            raise Problem(f"configuration.resolved.hyper_parameters: lacks {key} of {name}")
    try:
        resolved_again = hyper_parameters(name, method, family, given)
    except UserError as error:
        raise Problem(f"configuration.resolved.hyper_parameters: {str(error).rstrip('.')}") from None
    for key, value in resolved_again.items():
        if given[key] != value or isinstance(given[key], bool) != isinstance(value, bool):
            raise Problem(f"configuration.resolved.hyper_parameters.{key} is {given[key]!r}, which means {value!r}")


def _check_settings(
    key: str, resolved: dict[str, Any], settings: type[TrainingSettings] | type[EvaluationSettings]
) -> None:
    given = resolved.get(key)
    if not isinstance(given, dict):
        raise Problem(f"configuration.resolved.{key} is missing")
    for name in settings.model_fields:
        if name not in given:
            raise Problem(f"configuration.resolved.{key}: lacks {name}")
    for name in given:
        if name not in settings.model_fields:
            raise Problem(f"configuration.resolved.{key}.{name}: {nearest(str(name), settings.model_fields)}")
    try:
        settings.model_validate_json(to_json(given), strict=True)
    except ValueError as error:
        first = str(error).splitlines()[1:3]
        raise Problem(f"configuration.resolved.{key}: {' '.join(' '.join(first).split())}") from None
