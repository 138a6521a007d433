"""Fine-tuning of one cell: the published recipe as arguments of the Trainer."""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import DataCollatorWithPadding, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from benchmark.progress import Reporter
from leaderboard.record import Training
from leaderboard.replace_file import replace_file
from methods.trainer import MethodTrainer

if TYPE_CHECKING:
    from torch.utils.data import DataLoader
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from benchmark.suite import TrainingSettings
    from methods import Method
    from tasks import Examples

TRAINER_STATE = "trainer_state.json"
"""The file that the Trainer writes last into a checkpoint."""

EVALUATION_BATCH = 64


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

    def by_length(self) -> list[int]:
        """Row numbers from the longest to the shortest."""
        lengths = [len(ids) for ids in self._tokens["input_ids"]]
        return sorted(range(len(lengths)), key=lambda row: -lengths[row])


class _InOrder:
    """Some rows of a data set in a given order."""

    def __init__(self, data: TokenizedExamples, rows: list[int]) -> None:
        self._data = data
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return self._data[self._rows[row]]


class _PublishedRecipe(MethodTrainer):
    """Drops the last partial batch in training alone; the Trainer's own flag drops it in evaluation too."""

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        self.args.dataloader_drop_last = False
        try:
            loader: DataLoader[Any] = super().get_eval_dataloader(eval_dataset)
        finally:
            self.args.dataloader_drop_last = True
        return loader


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
    reporter: Reporter,
) -> Training:
    """Fine-tune a model in place and leave the kept epoch's weights in it.

    Checkpoints go to a folder that the caller removes when the cell is done; where it already holds a whole
    checkpoint of an interrupted run, training goes on from there.

    Raises:
        NonFiniteLossError: the loss became NaN or infinite.
    """
    training_tokens = TokenizedExamples(training, tokenizer, settings.max_length)
    selection_tokens = TokenizedExamples(selection, tokenizer, settings.max_length)
    last_checkpoint = discard_incomplete(checkpoints)
    trainer = _PublishedRecipe(
        model=model,
        method=method,
        args=_arguments(settings, seed, checkpoints),
        train_dataset=training_tokens,
        # Accuracy does not depend on the order, and batches of similar length need less padding.
        eval_dataset=_InOrder(selection_tokens, selection_tokens.by_length()),
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda output: {"accuracy": float((output.predictions.argmax(-1) == output.label_ids).mean())},
        callbacks=[_StepsToReporter(reporter)],
    )
    trainer.remove_callback(PrinterCallback)
    mini_batches = len(training_tokens) // settings.batch_size
    steps = math.ceil(mini_batches / settings.gradient_accumulation) * settings.epochs
    with reporter.phase("fine-tuning, steps", steps):
        trainer.train(resume_from_checkpoint=None if last_checkpoint is None else str(last_checkpoint))
    return _summary(trainer, settings, resumed=last_checkpoint is not None)


def discard_incomplete(checkpoints: Path) -> Path | None:
    """Remove checkpoints whose writing was interrupted; return the last whole one, ready to go on from."""
    whole: list[tuple[int, Path]] = []
    for folder in checkpoints.glob("checkpoint-*"):
        try:
            state = json.loads((folder / TRAINER_STATE).read_text(encoding="utf-8"))
            whole.append((int(state["global_step"]), folder))
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(folder)
    if not whole:
        return None
    _, last = max(whole)
    _find_best_beside(last)
    return last


def _find_best_beside(checkpoint: Path) -> None:
    """Let a checkpoint look for the best one beside itself: its state holds the path of where both were then."""
    path = checkpoint / TRAINER_STATE
    state = json.loads(path.read_text(encoding="utf-8"))
    best = state.get("best_model_checkpoint")
    if best:
        state["best_model_checkpoint"] = str(checkpoint.with_name(Path(best).name))
        replace_file(path, json.dumps(state, indent=2).encode())


def _arguments(settings: TrainingSettings, seed: int, checkpoints: Path) -> TrainingArguments:
    # Otherwise this variable, which an earlier training or a launcher may have set, would decide the precision.
    os.environ["ACCELERATE_MIXED_PRECISION"] = {"fp32": "no"}.get(settings.precision, settings.precision)
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
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
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # one cell, one GPU; otherwise the Trainer would multiply the batch size
    return arguments


def _summary(trainer: MethodTrainer, settings: TrainingSettings, *, resumed: bool) -> Training:
    # Not the Trainer's own training_loss, which leaves out what came before a resume.
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
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
        loss=statistics.fmean(losses) if losses else None,
        resumed=resumed,
        method=trainer.method.report(),
    )


class _StepsToReporter(TrainerCallback):  # type: ignore[misc]
    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._reporter.advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._reporter.advance()
