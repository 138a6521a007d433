"""The way of one cell: data, backbone, fine-tuning, prediction, scores, attacks, record."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.backbones import load_classifier, load_tokenizer
from benchmark.evaluation import evaluate, fingerprint
from benchmark.execution import Execution
from benchmark.fine_tuning import fine_tune
from benchmark.parameter_deviation import parameter_deviation
from benchmark.peak_memory import peak_memory_bytes, reset_peak_memory
from benchmark.plan import Cell
from benchmark.planned import Planned
from benchmark.prediction import Predictor
from benchmark.processes import Order, Work
from benchmark.progress import Reporter
from benchmark.provenance import code_version, machine, package_versions
from benchmark.stopwatch import Stopwatch
from benchmark.training_checkpoints import checkpoint_folder, checkpoint_folders, last_whole_checkpoint
from leaderboard.record import Configuration, Record, Training
from tasks.loading import LoadedTask

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MODEL = "model"
"""Folder of a cell that holds the fine-tuned model where it is kept."""


def run_cell(cell: Cell, data: LoadedTask, folder: Path, reporter: Reporter, execution: Execution) -> Record:
    """Run one cell and return its record, unwritten.

    Args:
        cell: what to run.
        data: the task's texts under the cell's settings.
        folder: the cell's own folder; logits, attacked texts and checkpoints go there.
        reporter: shows progress.
        execution: how to carry it out.
    """
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    watch = Stopwatch()
    reset_peak_memory()
    with watch.time("loading"):
        checkpoint = _checkpoint(folder, execution.processes.size, reporter)
    with execution.processes.together(Work.TRAIN, [cell.config_hash], checkpoint) as order:
        model, tokenizer, training = train_cell(cell, data, folder, order, reporter, execution, watch)
    with watch.time("loading"):
        pre_trained = load_classifier(cell.backbone, cell.task.labels, cell.seed, tokenizer.pad_token_id)
        deviation = parameter_deviation(model, pre_trained)
        del pre_trained
    if execution.keep_model:
        model.save_pretrained(folder / MODEL)
        tokenizer.save_pretrained(folder / MODEL)
    predictor = Predictor(model, tokenizer, cell.training.max_length)
    evaluation = evaluate(predictor, data, cell.evaluation, cell.attacks, folder, reporter, watch, execution)
    return Record(
        status="finished",
        **origin(cell, started, execution.processes.size),
        seconds={phase: round(value, 3) for phase, value in watch.seconds.items()},
        peak_memory_bytes=peak_memory_bytes(),
        training_data={"train": fingerprint(data.training), "selection": fingerprint(data.selection)},
        training=training.model_copy(update={"deviation": deviation}),
        **evaluation.fields(),
    )


def train_cell(
    cell: Cell,
    data: LoadedTask,
    folder: Path,
    order: Order,
    reporter: Reporter,
    execution: Execution,
    watch: Stopwatch,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Training]:
    """This process's part in fine-tuning a cell: the fine-tuned model, its tokenizer, and how it went."""
    with watch.time("loading"):
        tokenizer = load_tokenizer(cell.backbone)
        model = load_classifier(cell.backbone, cell.task.labels, cell.seed, tokenizer.pad_token_id)
    checkpoints = checkpoint_folder(folder, execution.processes.size)
    with watch.time("fine-tuning"), execution.processes.connected(order):
        training = fine_tune(
            model,
            tokenizer,
            cell.build_method(),
            cell.training,
            training=data.training.examples,
            selection=data.selection.examples,
            seed=cell.seed,
            checkpoints=checkpoints,
            last_checkpoint=None if order.checkpoint is None else checkpoints / order.checkpoint,
            checkpoint_every=execution.checkpoint_every,
            processes=execution.processes,
            reporter=reporter,
        )
    return model, tokenizer, training


def _checkpoint(folder: Path, processes: int, reporter: Reporter) -> str | None:
    """Name of the checkpoint to go on from."""
    own = checkpoint_folder(folder, processes)
    last = last_whole_checkpoint(own, reporter.say)
    others = [path for path in checkpoint_folders(folder) if path != own]
    if last is None and others:
        reporter.say(
            f"  {', '.join(map(str, others))}: from another number of processes, and left there; "
            f"fine-tuning in {processes} begins anew."
        )
    return None if last is None else last.name


def origin(cell: Planned, started: str, processes: int = 1) -> dict[str, Any]:
    """Fields of a record that say what ran, on which code and machine, finished or failed."""
    return {
        "cell": cell.identity,
        "configuration": Configuration(given=dict(cell.given), resolved=cell.resolved()),
        "code": code_version(),
        "packages": package_versions(),
        "machine": machine(processes),
        "started": started,
    }
