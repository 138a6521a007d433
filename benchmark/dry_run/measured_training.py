"""Seconds of a training step, measured on the cell's own backbone and texts."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Sampler, SequentialSampler
from transformers import DataCollatorWithPadding, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_pt_utils import get_length_grouped_indices

from benchmark.dry_run.clock import Clock
from benchmark.fine_tuning import TokenizedExamples, training_arguments
from methods import methods
from methods.trainer import MethodTrainer
from tasks.loading import DATA_SEED
from tasks.splits import sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from benchmark.suite import TrainingSettings
    from tasks import Examples

TEXTS = 2_048
"""Most training texts that the measured mini-batches are drawn from."""

BATCHES = 5
"""Mini-batches measured: of lengths spread evenly over those of an epoch."""

SHARE = 1 / 3
"""Share of the time."""

ROUNDS = 3
"""Steps on each of them."""

MEGA_BATCH = 50
"""Mini-batches that the Trainer sorts by length together under length bucketing, at most."""

WRITTEN = 2**26
"""Most bytes written to measure how fast a checkpoint is."""


@dataclass(frozen=True)
class TrainingTimes:
    """Seconds of vanilla fine-tuning's parts."""

    mini_batch: float
    """One mini-batch and the optimizer's step."""
    least: float
    most: float
    """Those of the quickest and the slowest of the mini-batches measured."""
    steps: int
    """Whole mini-batches measured; 0 where smaller ones stand for them."""
    checkpoint: float
    """Writing one."""


def measure_training(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainingSettings,
    training: Examples,
    clock: Clock,
    folder: Path,
) -> TrainingTimes:
    """Take vanilla steps on some mini-batches; the model stays as it is.

    Where even one whole mini-batch could take longer than the time left, steps on two and on four texts stand for it.

    Args:
        model: a classifier.
        tokenizer: the model's own.
        settings: of the training.
        training: its texts.
        clock: of everything to be measured; after a share of it no step begins.
        folder: an empty one, for a file as large as part of a checkpoint.
    """
    drawn = sample(training, TEXTS, DATA_SEED)
    tokens = TokenizedExamples(drawn, tokenizer, settings.max_length)
    batches = _spread(_mini_batches(tokens, settings, len(training)), tokens)
    middle = batches[0]
    share = clock.share(SHARE)
    checkpoint = _checkpoint_seconds(model, folder)
    *_, of_two = _step_seconds(model, tokenizer, settings, tokens, [middle[:2]] * 2, share, folder)
    if of_two * len(middle) / 2 > clock.left:
        *_, of_four = _step_seconds(model, tokenizer, settings, tokens, [middle[:4]], share, folder)
        whole = of_four + max(0.0, of_four - of_two) / 2 * (len(middle) - 4)
        return TrainingTimes(whole, whole, whole, 0, checkpoint)
    seconds = _step_seconds(model, tokenizer, settings, tokens, [middle, *(batches * ROUNDS)], share, folder)
    seconds = seconds[1:] or seconds  # the first one warms up
    medians = [statistics.median(seconds[place :: len(batches)]) for place in range(min(len(batches), len(seconds)))]
    return TrainingTimes(statistics.fmean(medians), min(medians), max(medians), len(seconds), checkpoint)


def _mini_batches(tokens: TokenizedExamples, settings: TrainingSettings, texts: int) -> list[list[int]]:
    """Rows of each mini-batch of an epoch, as the Trainer would make them."""
    size = settings.batch_size
    generator = torch.Generator().manual_seed(DATA_SEED)
    if settings.length_bucketing:
        together = size * settings.gradient_accumulation
        sorted_together = max(1, min(texts // (together * 4), MEGA_BATCH))
        order = get_length_grouped_indices(tokens.lengths, together, sorted_together, generator)
    else:
        order = torch.randperm(len(tokens), generator=generator).tolist()
    return [order[start : start + size] for start in range(0, len(order) - size + 1, size)]


def _spread(batches: list[list[int]], tokens: TokenizedExamples) -> list[list[int]]:
    """Some of the mini-batches, evenly by length; the middle one first, so that the first few are spread as well."""
    lengths = tokens.lengths
    ordered = sorted(batches, key=lambda rows: max(lengths[row] for row in rows))
    count = min(BATCHES, len(ordered))
    chosen = [ordered[int((place + 0.5) / count * len(ordered))] for place in range(count)]
    return sorted(chosen, key=lambda rows: abs(chosen.index(rows) - count // 2))


def _step_seconds(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainingSettings,
    tokens: TokenizedExamples,
    batches: Sequence[Sequence[int]],
    clock: Clock,
    folder: Path,
) -> list[float]:
    """Seconds of a step on each of the batches, the first always, until the time is over."""
    arguments = training_arguments(settings, DATA_SEED, folder)
    arguments.per_device_train_batch_size = len(batches[0])
    arguments.gradient_accumulation_steps = 1
    arguments.max_steps = len(batches)
    arguments.learning_rate = 0.0  # takes as long as any other
    arguments.load_best_model_at_end = False
    arguments.set_save(strategy="no")
    arguments.set_evaluate(strategy="no")
    arguments.set_logging(strategy="no", report_to="none")
    times = _StepTimes(clock)
    trainer = _InGivenOrder(
        model=model,
        method=methods["vanilla"](),
        args=arguments,
        train_dataset=[tokens[row] for rows in batches for row in rows],
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[times],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return times.seconds


def _checkpoint_seconds(model: PreTrainedModel, folder: Path) -> float:
    """Weights and the two moments of the optimizer, extrapolated from a file that is smaller."""
    whole = 3 * sum(parameter.numel() * 4 for parameter in model.parameters())
    written = min(whole, WRITTEN)
    start = time.perf_counter()
    torch.save(torch.zeros(written // 4), folder / "part-of-a-checkpoint.pt")
    return float((time.perf_counter() - start) * whole / written)


class _InGivenOrder(MethodTrainer):
    """Takes the training texts as they stand."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return SequentialSampler(self.train_dataset)


class _StepTimes(TrainerCallback):  # type: ignore[misc]
    """Seconds of each step; stops the training when the time is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begin = 0.0
        self.seconds: list[float] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._begin = _now()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.seconds.append(_now() - self._begin)
        if self._clock.over:
            control.should_training_stop = True


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
