"""Fine-tuning of one cell: the published recipe as arguments of the Trainer."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import Sampler
from transformers import (
    DataCollatorWithPadding,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_pt_utils import get_length_grouped_indices

from benchmark.progress import Reporter
from benchmark.training_checkpoints import best_beside, write_checksums
from benchmark.training_clock import TrainingClock
from leaderboard.record import Training
from leaderboard.replace_file import replace_file
from methods.trainer import MethodTrainer

if TYPE_CHECKING:
    from torch.utils.data import DataLoader
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from benchmark.processes import Processes
    from benchmark.suite import TrainingSettings
    from methods import Method
    from tasks import Examples

LOSS = "training_loss.json"
"""File of a checkpoint that holds the sum of the training losses, and the time that training took, until then."""

EVALUATION_BATCH = 64

OWN_NOISE = 1_000_003
"""Apart by so much are the seeds of the processes' dropout and noise."""


class TokenizedExamples:
    """Token ids of labelled examples, as the Trainer's data set."""

    def __init__(self, examples: Examples, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        self._tokens = tokenizer(*examples.columns(), truncation=True, max_length=max_length)
        self._labels = examples.labels

    def __len__(self) -> int:
        return len(self._tokens["input_ids"])

    def __getitem__(self, row: int) -> dict[str, Any]:
        features = {name: values[row] for name, values in self._tokens.items()}
        if self._labels is not None:
            features["labels"] = self._labels[row]
        return features

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(ids) for ids in self._tokens["input_ids"]]

    def by_length(self) -> list[int]:
        """Row numbers from the longest to the shortest."""
        lengths = self.lengths
        return sorted(range(len(lengths)), key=lambda row: -lengths[row])


class SimilarLengths(Sampler[int]):
    """Row numbers in an order of mini-batches of similar length, other in each epoch.

    The order hangs on seed and epoch alone, so that a training that is resumed in the middle of an epoch finds the
    same one, and so do the processes of a data-parallel training. (The Trainer's own draws from the global generator.)
    """

    def __init__(self, lengths: Sequence[int], texts: int, seed: int) -> None:
        """Make a sampler.

        Args:
            lengths: tokens of each row.
            texts: rows of similar length that come together.
            seed: of the training.
        """
        self._lengths = list(lengths)
        self._texts = texts
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(1_000 * self._seed + self._epoch)
        return iter(get_length_grouped_indices(self._lengths, self._texts, generator=generator))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0."""
        self._epoch = epoch


class _InOrder:
    """Some rows of a data set in a given order."""

    def __init__(self, data: TokenizedExamples, rows: list[int]) -> None:
        self._data = data
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return self._data[self._rows[row]]


class _CellTrainer(MethodTrainer):
    """The published recipe, and an interruption that leaves no trace in what is reported."""

    def __init__(self, *positional: Any, **keywords: Any) -> None:
        self._loss = 0.0
        self._mini_batches = 0
        self.clock = TrainingClock()
        super().__init__(*positional, **keywords)

    @property
    def mean_loss(self) -> float | None:
        """Mean training loss of all mini-batches, those before an interruption included.

        (The Trainer's own leaves those out, and its log is rounded.)
        """
        return self._loss / self._mini_batches if self._mini_batches else None

    def evaluate(self, *positional: Any, **keywords: Any) -> dict[str, float]:
        """As the Trainer does; the time is no part of training's."""
        with self.clock.stopped():
            found: dict[str, float] = super().evaluate(*positional, **keywords)
        return found

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Drop the last partial batch in training alone; the Trainer's own flag drops it in evaluation too."""
        self.args.dataloader_drop_last = False
        try:
            loader: DataLoader[Any] = super().get_eval_dataloader(eval_dataset)
        finally:
            self.args.dataloader_drop_last = True
        return loader

    def training_step(self, *positional: Any, **keywords: Any) -> Tensor:
        loss = super().training_step(*positional, **keywords)
        self._loss += float(loss) * self.current_gradient_accumulation_steps
        self._mini_batches += 1
        return loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if not self.args.group_by_length:
            return super()._get_train_sampler(train_dataset)
        texts = self.args.train_batch_size * self.args.world_size * self.args.gradient_accumulation_steps
        return SimilarLengths(self.train_dataset.lengths, texts, self.args.seed)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            content = {"loss": self._loss, "mini_batches": self._mini_batches, **self.clock.state()}
            replace_file(Path(output_dir) / LOSS, json.dumps(content).encode())

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            content = json.loads((Path(checkpoint) / LOSS).read_bytes())
            self._loss, self._mini_batches = content["loss"], content["mini_batches"]
            self.clock.go_on_from(content)

    def _rotate_checkpoints(self, use_mtime: bool = False, output_dir: str | None = None) -> None:
        # Before the one that training could go on from until now is removed.
        write_checksums(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}", self.args.world_size)
        super()._rotate_checkpoints(use_mtime=False, output_dir=output_dir)  # the steps in their names say their order


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    method: Method,
    settings: TrainingSettings,
    *,
    training: Examples,
    selection: Examples,
    seed: int,
    checkpoints: Path,
    last_checkpoint: Path | None,
    checkpoint_every: int | None,
    processes: Processes,
    reporter: Reporter,
) -> Training:
    """Fine-tune a model in place and leave the kept epoch's weights in it.

    Checkpoints go to a folder that the caller removes when the cell is done: one at the end of each epoch, and one
    after every `checkpoint_every` optimizer steps. Where there is a whole checkpoint of an interrupted run, training
    goes on from there.

    Several processes, which are connected, share each mini-batch equally, and the first one writes.

    Raises:
        NonFiniteLossError: the loss became NaN or infinite.
        OtherProcessFailedError: another process failed.
    """
    training_tokens = TokenizedExamples(training, tokenizer, settings.max_length)
    selection_tokens = TokenizedExamples(selection, tokenizer, settings.max_length)
    trainer = _CellTrainer(
        model=model,
        method=method,
        args=training_arguments(settings, seed, checkpoints, processes.size),
        train_dataset=training_tokens,
        # Accuracy does not depend on the order, and batches of similar length need less padding.
        eval_dataset=_InOrder(selection_tokens, selection_tokens.by_length()),
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda output: {"accuracy": float((output.predictions.argmax(-1) == output.label_ids).mean())},
        callbacks=[_StepsToReporter(reporter), _Checkpoints(checkpoint_every)],
    )
    trainer.remove_callback(PrinterCallback)
    mini_batches = len(training_tokens) // settings.batch_size
    steps = math.ceil(mini_batches / settings.gradient_accumulation) * settings.epochs
    if not processes.leads:
        set_seed(OWN_NOISE * processes.rank + seed)  # texts have dropout and noise of their own, as in one process
    with reporter.phase("fine-tuning, steps", steps):
        trainer.clock.start()
        trainer.train(resume_from_checkpoint=None if last_checkpoint is None else str(last_checkpoint))
        trainer.clock.stop()
    return _summary(trainer, settings, resumed=last_checkpoint is not None)


def training_arguments(
    settings: TrainingSettings, seed: int, checkpoints: Path, processes: int = 1
) -> TrainingArguments:
    """The Trainer's arguments for a cell; sets the environment's precision and, for several processes, device."""
    # Otherwise this variable, which an earlier training or a launcher may have set, would decide the precision.
    os.environ["ACCELERATE_MIXED_PRECISION"] = {"fp32": "no"}.get(settings.precision, settings.precision)
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size // processes,
        per_device_eval_batch_size=EVALUATION_BATCH,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        adam_beta1=settings.adam_betas[0],
        adam_beta2=settings.adam_betas[1],
        adam_epsilon=settings.adam_epsilon,
        warmup_ratio=settings.warmup_ratio,
        lr_scheduler_type="linear",
        max_grad_norm=0.0,
        dataloader_drop_last=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        group_by_length=settings.length_bucketing,
        bf16=settings.precision == "bf16",
        fp16=settings.precision == "fp16",
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        greater_is_better=True,
        logging_strategy="epoch",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
        **_without_gpu(processes),
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # one cell, one GPU; otherwise the Trainer would multiply the batch size
    return arguments


def _without_gpu(processes: int) -> dict[str, Any]:
    """What the Trainer must be told for several processes to train on a processor."""
    if processes == 1 or torch.cuda.is_available():
        return {}
    os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"  # not "cpu:1", which torch.load knows no place for
    return {"use_cpu": True, "ddp_backend": "gloo"}


def _summary(trainer: _CellTrainer, settings: TrainingSettings, *, resumed: bool) -> Training:
    history = [entry for entry in trainer.state.log_history if "eval_accuracy" in entry]
    kept = next(
        (round(entry["epoch"]) for entry in history if entry["step"] == trainer.state.best_global_step),
        None,
    )
    return Training(
        steps=trainer.state.global_step,
        selection=settings.selection,
        selection_accuracy=tuple(100.0 * entry["eval_accuracy"] for entry in history),
        kept_epoch=kept,
        loss=trainer.mean_loss,
        resumed=resumed,
        method=trainer.method.report(),
        seconds=_rounded(trainer.clock.seconds),
        processor_seconds=_rounded(trainer.clock.processor_seconds),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


class _Checkpoints(TrainerCallback):  # type: ignore[misc]
    """Asks for checkpoints within an epoch, and finds the best one where the folder has been moved."""

    def __init__(self, every: int | None) -> None:
        self._every = every

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        state.best_model_checkpoint = best_beside(state.best_model_checkpoint, Path(args.output_dir))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        ends_epoch = state.epoch == int(state.epoch)  # the Trainer saves there in any case
        if self._every is not None and state.global_step % self._every == 0 and not ends_epoch:
            control.should_save = True


class _StepsToReporter(TrainerCallback):  # type: ignore[misc]
    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._reporter.advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._reporter.advance()
