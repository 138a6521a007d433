"""``roast-bench attack``: attack a classifier, and keep the texts found as a set for others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.command_line.attack_options import (
    AttackedField,
    AttackedSet,
    AttackWorkers,
    attack_budgets,
)
from benchmark.command_line.echo import echo, echo_json
from benchmark.command_line.options import (
    AsJson,
    CheckpointArgument,
    Labels,
    MaxLength,
    Mirror,
    PickledWeights,
    Plugins,
    Revision,
    TransferSets,
    TrustRemoteCode,
    UnpickleTaggers,
    load_plugins,
    names,
    trusted,
    use_mirror,
)
from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.attacks import Attack
    from benchmark.checkpoint_attack import AttackedCheckpoint, CheckpointAttack
    from leaderboard.record import Score
    from tasks import TransferSet


def attack(
    checkpoint: CheckpointArgument,
    task: Annotated[str, typer.Option(help="Task whose texts are attacked.")],
    recipe: Annotated[
        str,
        typer.Option("--attack", metavar="RECIPE[:TEXTS[:QUERIES]]", help="100 texts and no limit by default."),
    ],
    on: AttackedSet = None,
    field: AttackedField = None,
    seed: Annotated[int, typer.Option(help="Seed of the attack.")] = 0,
    attack_workers: AttackWorkers = None,
    save_set: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Keep the texts of successful attacks as an adversarial set of that name."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --save-set replace another file.")] = False,
    name: Annotated[
        str | None, typer.Option(help="What to call the checkpoint; by default the folder's name or the hub id.")
    ] = None,
    revision: Revision = None,
    labels: Labels = None,
    max_length: MaxLength = 128,
    transfer_sets: TransferSets = None,
    mirror: Mirror = None,
    out: Annotated[Path, typer.Option(help="Output folder.")] = Path("runs/attacks"),
    pickled_weights: PickledWeights = False,
    trust_remote_code: TrustRemoteCode = False,
    unpickle_taggers: UnpickleTaggers = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Attack a fine-tuned checkpoint on one evaluation set; --save-set turns what succeeds into a set for others."""
    from benchmark.attacked_set import attacked_set, check_attacks
    from benchmark.attacks import attacks
    from benchmark.attacks.resources import require_resources
    from benchmark.checkpoint_attack import CheckpointAttack, attack_checkpoint, load_attacked
    from benchmark.checkpoint_evaluation import check_max_length, validated
    from benchmark.checkpoints import find_checkpoint
    from benchmark.declared_task import declare_task
    from benchmark.lookup import find
    from benchmark.progress import Reporter
    from benchmark.suite import AttackSettings
    from benchmark.transfer_sets import check_place, save_transfer_set, transfer_set

    load_plugins(plugin)
    trust = trusted(pickled_weights=pickled_weights, remote_code=trust_remote_code, unpickle_taggers=unpickle_taggers)
    use_mirror(mirror)
    check_max_length(max_length)
    declared = declare_task(task)
    wanted = None if save_set is None else transfer_set(declared, save_set, transfer_sets)
    fields = {**_budget(recipe), "seed": seed, "evaluation_set": on or declared.in_distribution_test}
    settings = validated(AttackSettings, fields | ({"field": field.value} if field else {}), "--attack: ")
    known = find("attack", settings.recipe, attacks)
    check_attacks([settings], declared)
    require_resources(known)
    _check_goal(known, wanted)
    located = find_checkpoint(
        checkpoint,
        declared.labels,
        name=name,
        revision=revision,
        given_labels=names("--labels", [labels] if labels is not None else None),
        trust=trust,
    )
    target = attacked_set(settings, declared)
    part = load_attacked(declared, target, mirror)
    if field is not None and part.examples.second_texts is None:
        raise UserError(f"--field {field.value}: the texts of {target} are no pairs; leave it out.")
    planned = CheckpointAttack(declared, located, max_length, settings, target, part)
    provenance = planned.provenance()
    if wanted is not None:
        check_place(wanted, provenance, force=force)
    with Reporter() as reporter:
        attacked = attack_checkpoint(planned, out, reporter, workers=attack_workers)
    if not as_json:
        echo(*_lines(planned, attacked))
    saved = None if wanted is None else save_transfer_set(wanted, attacked.texts, provenance, force=force)
    if as_json:
        echo_json(_summary(planned, attacked, wanted, saved))
    elif wanted is not None:
        echo(f"{'Transfer set:':<23} {wanted.path}, {saved} texts")
        echo(_how_to_use(planned, wanted))


def _budget(recipe: str) -> dict[str, Any]:
    budgets = attack_budgets(names("--attack", [recipe])) or []
    if len(budgets) != 1:
        raise UserError(f"--attack {recipe}: name one attack.")
    return budgets[0]


def _check_goal(attack: Attack, wanted: TransferSet | None) -> None:
    if wanted is not None and attack.goal != "misclassification":
        raise UserError(
            f"--save-set {wanted.name}: {attack.name} keeps the predicted class, so what it finds is no adversarial "
            "set; use another attack."
        )


def _lines(planned: CheckpointAttack, attacked: AttackedCheckpoint) -> list[str]:
    result = attacked.result
    lines = [
        f"{planned.task.name} · {planned.checkpoint.name} · {result.column} on {result.evaluation_set}"
        + (" (attacked by an earlier run)" if attacked.earlier else "")
    ]
    lines += [
        f"{what + ':':<23} {_shown(score)}"
        for what, score in (
            ("Accuracy before", attacked.accuracy_before),
            ("Accuracy under attack", result.accuracy_under_attack),
            ("Success rate", result.attack_success_rate),
            ("Words changed", result.words_changed),
            ("Words left", result.words_left),
            ("Queries per text", result.queries_per_text),
            ("Similarity", result.similarity),
        )
        if score is not None
    ]
    if result.truncated:
        lines.append(f"{'Texts cut:':<23} {result.truncated:,} of {result.examples:,} at {planned.max_length} tokens")
    return [*lines, f"{'Queries:':<23} {result.queries:,}", f"{'Attacked texts:':<23} {attacked.texts}"]


def _shown(score: Score | float) -> str:
    if isinstance(score, float):
        return f"{score:.2f} %"
    if score.value is None:
        return f"– ({score.reason})"
    return f"{score.value:.2f}" + (" %" if score.unit == "percent" else "")


def _summary(
    planned: CheckpointAttack, attacked: AttackedCheckpoint, wanted: TransferSet | None, saved: int | None
) -> dict[str, Any]:
    return {
        "provenance": planned.provenance(),
        "accuracy_before": attacked.accuracy_before,
        "result": attacked.result.model_dump(mode="json"),
        "texts": str(attacked.texts),
        "earlier": attacked.earlier,
        "transfer_set": None if wanted is None else {"path": str(wanted.path), "texts": saved},
    }


def _how_to_use(planned: CheckpointAttack, wanted: TransferSet) -> str:
    from benchmark.transfer_sets import is_declared
    from tasks.transfer_set import FOLDER

    task = planned.task.name
    if not is_declared(planned.task, wanted):
        option = f"--eval-set {wanted.name}={wanted.path}:adversarial"
        return f"{'Score others on it:':<23} roast-bench run --task {task} … {option}"
    folder = "" if wanted.folder == FOLDER else f", given --transfer-sets {wanted.folder}"
    return f"Task {task} includes it by itself{folder}."
