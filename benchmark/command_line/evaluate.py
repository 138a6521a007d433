"""``roast-bench evaluate``: score a classifier that was fine-tuned elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.command_line.attack_options import (
    AttackedField,
    AttackedSet,
    Attacks,
    AttackSeed,
    AttackWorkers,
    chosen_attacks,
)
from benchmark.command_line.options import (
    AsJson,
    CheckpointArgument,
    EvalSets,
    Labels,
    MaxLength,
    Mirror,
    PickledWeights,
    Plugins,
    Revision,
    TransferSets,
    TrustRemoteCode,
    UnpickleTaggers,
    check_folder,
    load_plugins,
    names,
    trusted,
    use_mirror,
)

if TYPE_CHECKING:
    from benchmark.checkpoint_evaluation import CheckpointCell


def evaluate(
    checkpoint: CheckpointArgument,
    task: Annotated[str, typer.Option(help="Task whose evaluation sets are scored.")],
    name: Annotated[
        str | None, typer.Option(help="What the leaderboard calls it; by default the folder's name or the hub id.")
    ] = None,
    revision: Revision = None,
    labels: Labels = None,
    max_length: MaxLength = 128,
    eval_size: Annotated[int | None, typer.Option(help="Texts of each evaluation set at most, a fixed sample.")] = None,
    attack: Attacks = None,
    attack_field: AttackedField = None,
    attack_set: AttackedSet = None,
    attack_seed: AttackSeed = None,
    attack_workers: AttackWorkers = None,
    projection: Annotated[
        str,
        typer.Option(metavar="probabilities|predictions", help="How sets with fewer classes than the task are scored."),
    ] = "probabilities",
    eval_set: EvalSets = None,
    transfer_sets: TransferSets = None,
    mirror: Mirror = None,
    out: Annotated[Path, typer.Option(help="Output folder.")] = Path("runs/evaluated"),
    pickled_weights: PickledWeights = False,
    trust_remote_code: TrustRemoteCode = False,
    unpickle_taggers: UnpickleTaggers = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Score a fine-tuned checkpoint, a folder or a hub id: one record, and a row of its own on the leaderboard."""
    from benchmark.attacks.nltk_data import use_nltk_data
    from benchmark.checkpoint_evaluation import evaluate_checkpoint, plan_evaluation
    from benchmark.command_line.outcome import print_outcome
    from benchmark.execution import Execution
    from benchmark.progress import Reporter

    load_plugins(plugin)
    trust = trusted(pickled_weights=pickled_weights, remote_code=trust_remote_code, unpickle_taggers=unpickle_taggers)
    use_mirror(mirror)
    if mirror is not None:
        use_nltk_data(mirror / "nltk_data")
    check_folder("--transfer-sets", transfer_sets)
    cell: CheckpointCell = plan_evaluation(
        checkpoint,
        task,
        name=name,
        revision=revision,
        labels=names("--labels", [labels] if labels is not None else None),
        max_length=max_length,
        evaluation={"evaluation_size": eval_size, "projection": projection},
        attack_fields=chosen_attacks(attack, attack_field, attack_set, attack_seed) or [],
        eval_sets=eval_set or (),
        transfer_sets=transfer_sets,
        mirror=mirror,
        trust=trust,
    )
    execution = Execution(attack_workers=attack_workers)
    with Reporter() as reporter:
        outcome = evaluate_checkpoint(cell, out, reporter, mirror=mirror, execution=execution)
    raise typer.Exit(print_outcome(outcome, out, "checkpoints/<name>", as_json))
