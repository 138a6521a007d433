"""A short measurement for all cells of one task and backbone."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.attacked_set import attacked_set
from benchmark.dry_run.clock import Clock
from benchmark.dry_run.estimate import ATTACKS, FINE_TUNING, OTHER, PREDICTION, Estimate
from benchmark.dry_run.text_lengths import SampledTexts, sample_texts
from benchmark.execution import Execution
from benchmark.plan import Cell
from benchmark.suite import AttackSettings
from methods import methods
from tasks.loading import LoadedTask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from benchmark.dry_run.measured_attacks import AttackTimes
    from benchmark.dry_run.measured_prediction import PredictionTimes
    from benchmark.dry_run.measured_training import TrainingTimes

LIMIT = 60.0
"""Seconds for one task and backbone; a step, a batch or a call of the model that has begun is waited for."""

SHARE = 1 / 3
"""Share of the time left after training that prediction gets."""


@dataclass(frozen=True)
class Measurement:
    """What was measured for one task and backbone; None and empty for what was not needed."""

    task: str
    backbone: str
    spent: float
    """Seconds that it took."""
    loading: float
    training: TrainingTimes | None
    prediction: PredictionTimes | None
    attacks: Mapping[AttackSettings, AttackTimes]
    textattack: float
    """Seconds of importing TextAttack, which a run spends once; 0 where it was there already."""


def measure(cell: Cell, data: LoadedTask, sets: Mapping[str, SampledTexts], phases: Collection[str]) -> Measurement:
    """Measure what the phases need.

    Args:
        cell: any cell of the task and backbone: they share training settings and attacks.
        data: its texts.
        sets: samples of its evaluation sets.
        phases: those wanted.
    """
    import torch

    from benchmark.attacks.textattack_offline import import_textattack
    from benchmark.backbones import load_classifier, load_tokenizer
    from benchmark.dry_run.measured_attacks import measure_attack
    from benchmark.dry_run.measured_prediction import measure_prediction
    from benchmark.dry_run.measured_training import measure_training
    from benchmark.prediction import Predictor

    clock = Clock(LIMIT)
    tokenizer = load_tokenizer(cell.backbone)
    model = load_classifier(cell.backbone, cell.task.labels, cell.seed, tokenizer.pad_token_id)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    loading = clock.spent
    training = prediction = None
    if FINE_TUNING in phases:
        with tempfile.TemporaryDirectory() as folder:
            training = measure_training(model, tokenizer, cell.training, data.training.examples, clock, Path(folder))
    predictor = Predictor(model.eval(), tokenizer, cell.training.max_length)
    if {FINE_TUNING, PREDICTION} & set(phases):
        prediction = measure_prediction(predictor, sets.values(), clock.share(SHARE))
    textattack = 0.0
    attacks: dict[AttackSettings, AttackTimes] = {}
    if ATTACKS in phases and cell.attacks:
        start = time.perf_counter()
        import_textattack()
        textattack = time.perf_counter() - start
        for number, settings in enumerate(cell.attacks):
            attacks[settings] = measure_attack(settings, data, predictor, clock.share(1 / (len(cell.attacks) - number)))
    return Measurement(
        cell.task.name, cell.backbone.name, clock.spent, loading, training, prediction, attacks, textattack
    )


def estimates_by(
    measured: Measurement,
    cell: Cell,
    data: LoadedTask,
    sets: Mapping[str, SampledTexts],
    tokenizer: PreTrainedTokenizerBase,
    beforehand: float,
    execution: Execution,
) -> dict[str, Estimate]:
    """Phases of a cell by a measurement: vanilla steps times the method's claimed cost, prediction, attacks, loading.

    Args:
        measured: of the cell's task and backbone.
        cell: the cell.
        data: its texts.
        sets: samples of its evaluation sets.
        tokenizer: the backbone's.
        beforehand: units before the first step for each mini-batch of the training set.
        execution: how it will be carried out.
    """
    estimates = {OTHER: Estimate(measured.loading, "measurement")}
    if measured.prediction is not None:
        seconds = sum(measured.prediction.of(item) for item in sets.values())
        estimates[PREDICTION] = Estimate(seconds, "measurement")
        if measured.training is not None:
            selection = sample_texts(data.selection.examples, tokenizer, cell.training.max_length)
            vanilla = measured.training.mini_batch / methods["vanilla"]().step_units()
            batches = mini_batches(cell, data)
            units = beforehand + cell.training.epochs * cell.build_method().step_units()
            saved = cell.training.epochs
            if execution.checkpoint_every is not None:
                saved += optimizer_steps(cell, data) // execution.checkpoint_every
            seconds = (
                batches * units * vanilla
                + cell.training.epochs * measured.prediction.of(selection)
                + saved * measured.training.checkpoint
            )
            estimates[FINE_TUNING] = Estimate(seconds, "measurement")
    if measured.attacks or not cell.attacks:
        seconds = 0.0
        for settings in cell.attacks:
            texts = min(settings.examples, sets[attacked_set(settings, cell.task)].rows)
            seconds += measured.attacks[settings].of(texts, execution.attack_workers)
        at_least = any(times.at_least for times in measured.attacks.values())
        estimates[ATTACKS] = Estimate(seconds, "measurement", at_least)
    return estimates


def mini_batches(cell: Cell, data: LoadedTask) -> int:
    """Mini-batches of an epoch; a last partial one is dropped."""
    return len(data.training.examples) // cell.training.batch_size


def optimizer_steps(cell: Cell, data: LoadedTask) -> int:
    """Of the whole training."""
    return math.ceil(mini_batches(cell, data) / cell.training.gradient_accumulation) * cell.training.epochs
