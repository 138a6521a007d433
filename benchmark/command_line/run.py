"""``roast-bench run``: train and score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.command_line.attack_options import (
    AttackedField,
    AttackedSet,
    Attacks,
    AttackSeed,
    AttackWorkers,
    chosen_attacks,
)
from benchmark.command_line.executor_options import (
    CellCpus,
    CellGpus,
    Executor,
    ExecutorName,
    OnCluster,
    RayAddress,
    chosen_cluster,
)
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
    names,
    trusted,
    use_mirror,
    whole_numbers,
)
from benchmark.command_line.plan_options import Plan, PricePerHour, TimesFrom, check_plan_options, print_plan
from benchmark.errors import UserError
from benchmark.execution import Execution
from benchmark.processes import started_processes

if TYPE_CHECKING:
    from benchmark.executors.cell_description import PlannedFrom
    from benchmark.plan import Cell
    from benchmark.suite import Suite

NO_SUITE = "custom"
"""Name of the suite that flags alone make."""


def run(
    suite: Annotated[
        str | None, typer.Argument(help="A suite (roast-bench list suites) or a TOML file; flags override it.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Task; several by comma or repetition.")] = None,
    backbone: Annotated[list[str] | None, typer.Option(help="Short name, folder or hub id; several likewise.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="Method, A+B combined, or all; several likewise.")] = None,
    seeds: Annotated[list[str] | None, typer.Option(help="Seeds, such as 0,1,2.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Training epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Texts per mini-batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens; longer texts are cut.")] = None,
    train_size: Annotated[int | None, typer.Option(help="Training texts, a fixed sample.")] = None,
    eval_size: Annotated[int | None, typer.Option(help="Texts of each evaluation set at most, a fixed sample.")] = None,
    projection: Annotated[
        str | None,
        typer.Option(
            metavar="probabilities|predictions",
            help="How sets with fewer classes than the task are scored; probabilities by default.",
        ),
    ] = None,
    attack: Attacks = None,
    attack_field: AttackedField = None,
    attack_set: AttackedSet = None,
    attack_seed: AttackSeed = None,
    attack_workers: AttackWorkers = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="METHOD.NAME=VALUE", help="A hyper-parameter, such as roast.alpha=0.6."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder; by default runs/<suite>.")] = None,
    mirror: Mirror = None,
    eval_set: EvalSets = None,
    transfer_sets: TransferSets = None,
    keep_model: Annotated[bool, typer.Option("--keep-model", help="Save each fine-tuned model.")] = False,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS", min=1, help="Save training every so many steps, not only at the end of an epoch."
        ),
    ] = None,
    executor: Executor = ExecutorName.LOCAL,
    ray_address: RayAddress = None,
    cell_cpus: CellCpus = None,
    cell_gpus: CellGpus = None,
    plan_only: Plan = False,
    price_per_hour: PricePerHour = None,
    times_from: TimesFrom = None,
    pickled_weights: PickledWeights = False,
    trust_remote_code: TrustRemoteCode = False,
    unpickle_taggers: UnpickleTaggers = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Train and score a suite: skip finished cells, resume broken ones, print the leaderboard."""
    from benchmark.executors.cell_description import PlannedFrom
    from benchmark.plan import parse_assignments, plan

    check_plan_options(plan_only, price_per_hour, times_from)
    cluster = chosen_cluster(executor, ray_address, cell_cpus, cell_gpus)
    processes = started_processes()
    if processes.size > 1 and (plan_only or cluster is not None):
        raise UserError(f"{'--plan' if plan_only else '--executor ray'} is for one process; start it without torchrun.")
    load_plugins(plugin)
    trust = trusted(pickled_weights=pickled_weights, remote_code=trust_remote_code, unpickle_taggers=unpickle_taggers)
    training = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "max_length": max_length,
        "train_size": train_size,
    }
    chosen = _chosen(
        suite,
        {
            "tasks": names("--task", task),
            "backbones": names("--backbone", backbone),
            "methods": names("--method", method),
            "seeds": whole_numbers("--seeds", seeds),
            "attacks": chosen_attacks(attack, attack_field, attack_set, attack_seed),
        },
        _given(training),
        _given({"evaluation_size": eval_size, "projection": projection}),
        parse_assignments(set_ or []),
    )
    use_mirror(mirror)
    check_folder("--transfer-sets", transfer_sets)
    folder = out or Path("runs") / chosen.name
    cells = plan(chosen, mirror, eval_sets=eval_set or (), transfer_sets=transfer_sets, trust=trust)
    execution = Execution(
        keep_model=keep_model,
        attack_workers=attack_workers,
        checkpoint_every=checkpoint_every,
        processes=processes,
    )
    if plan_only:
        print_plan(
            cells, folder, mirror, execution, price_per_hour=price_per_hour, times_from=times_from, as_json=as_json
        )
        return
    if cluster is None:
        raise typer.Exit(_run(cells, folder, mirror, execution, as_json))
    made_from = PlannedFrom(
        suite=chosen,
        plugins=plugin or (),
        eval_sets=eval_set or (),
        transfer_sets=transfer_sets,
        mirror=mirror,
        trust=trust,
    )
    raise typer.Exit(_run_on_cluster(cells, folder, made_from, execution, cluster, as_json))


def _chosen(
    name: str | None,
    changes: dict[str, Any],
    training: dict[str, Any],
    evaluation: dict[str, Any],
    assignments: dict[str, dict[str, Any]],
) -> Suite:
    from benchmark.chosen_methods import find_methods
    from benchmark.plan import canonical_keys
    from benchmark.suite import Suite, load_suite, overridden, shipped_suites

    if name is not None:
        base = load_suite(name)
    else:
        for option in ("tasks", "methods"):
            if changes[option] is None:
                raise UserError(
                    f"name a suite ({', '.join(shipped_suites())}), or give --task and --method; "
                    f"--{option.removesuffix('s')} is missing."
                )
        base = Suite(
            name=NO_SUITE, tasks=changes["tasks"], backbones=("minilm",), methods=changes["methods"], seeds=(0,)
        )
    settings = canonical_keys(base.hyper_parameters)
    methods = find_methods(changes["methods"] or base.methods)
    for method, values in canonical_keys(assignments).items():
        if method not in methods:
            raise UserError(
                f"--set {method}.{next(iter(values))}: {method!r} is not among the methods to run: "
                f"{', '.join(methods)}."
            )
        settings.setdefault(method, {}).update(values)
    return overridden(base, _given({**changes, "hyper_parameters": settings}), training=training, evaluation=evaluation)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _run(cells: list[Cell], folder: Path, mirror: Path | None, execution: Execution, as_json: bool) -> int:
    from benchmark.command_line.outcome import print_outcome
    from benchmark.following import follow
    from benchmark.progress import Reporter
    from benchmark.run import run_cells

    if not execution.processes.leads:
        follow(cells, folder, mirror=mirror, execution=execution)
        return 0
    with Reporter() as reporter:
        outcome = run_cells(cells, folder, reporter, mirror=mirror, execution=execution)
    return print_outcome(outcome, folder, "<backbone>/<method>", as_json)


def _run_on_cluster(
    cells: list[Cell],
    folder: Path,
    made_from: PlannedFrom,
    execution: Execution,
    cluster: OnCluster,
    as_json: bool,
) -> int:
    from benchmark.command_line.outcome import print_outcome
    from benchmark.executors.ray_run import run_on_ray
    from benchmark.executors.remote_reporter import ManyCellsReporter

    with ManyCellsReporter() as reporter:
        outcome = run_on_ray(
            cells,
            folder,
            reporter,
            made_from=made_from,
            execution=execution,
            declared=cluster.declared,
            address=cluster.address,
        )
    return print_outcome(outcome, folder, "<backbone>/<method>", as_json)
