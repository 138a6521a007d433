"""What a method may ask of the run it is part of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from methods.architecture import unwrap
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerBase

    from methods.base import Batch
    from methods.trainer import MethodTrainer


class FineTuningRun:
    """One call of ``MethodTrainer.train``, as a method sees it."""

    def __init__(self, trainer: MethodTrainer) -> None:
        self._trainer = trainer

    @property
    def model(self) -> nn.Module:
        """The model, without data-parallel wrappers."""
        return unwrap(self._trainer.model)

    @property
    def seed(self) -> int:
        """Seed of the run; the same on every process."""
        return int(self._trainer.args.seed)

    @property
    def finished_epochs(self) -> int:
        """Whole epochs trained so far; 0 in ``prepare``, 1 in the first ``end_epoch``."""
        return round(self._trainer.state.epoch or 0)

    @property
    def step(self) -> int:
        """Optimizer steps taken so far."""
        return int(self._trainer.state.global_step)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return int(self._trainer.state.max_steps)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the step under way; in ``end_step``, of the step just taken."""
        optimizer = self._trainer.optimizer
        return float(optimizer.param_groups[0]["lr"])

    @property
    def peak_learning_rate(self) -> float:
        """Highest learning rate of the schedule."""
        return float(self._trainer.args.learning_rate)

    @property
    def decoupled_weight_decay(self) -> dict[nn.Parameter, float]:
        """Weight decay of each parameter that AdamW shrinks by learning rate × decay, beside the gradient's step."""
        optimizer = self._trainer.optimizer
        is_adamw = isinstance(getattr(optimizer, "optimizer", optimizer), torch.optim.AdamW)
        return {
            parameter: float(group["weight_decay"])
            for group in optimizer.param_groups
            if is_adamw and group["weight_decay"]
            for parameter in group["params"]
        }

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The Trainer's ``processing_class``; None where it was given none."""
        return self._trainer.processing_class

    def special_token_ids(self) -> frozenset[int]:
        """Ids of padding, separators and the like: the tokenizer's, or those that the model's configuration names."""
        if self.tokenizer is not None:
            return frozenset(self.tokenizer.all_special_ids)
        config = self.model.config
        named = (getattr(config, f"{name}_token_id", None) for name in ("pad", "bos", "eos", "cls", "sep", "mask"))
        return frozenset(token for token in named if token is not None)

    def training_batches(self) -> Iterator[Batch]:
        """One pass over the training set (this process's share), on the model's device, without progress or steps."""
        return self._on_device(self._trainer.get_train_dataloader())

    def selection_batches(self) -> Iterator[Batch]:
        """One pass over the examples that choose the epoch (this process's share), on the model's device.

        Raises:
            ValueError: the Trainer was given no ``eval_dataset``.
        """
        trainer = self._trainer
        if trainer.eval_dataset is None:
            raise ValueError(
                f"{type(trainer.method).__name__} needs held-out examples: give the Trainer an eval_dataset."
            )
        return self._on_device(trainer.get_eval_dataloader())

    def _on_device(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            yield self._trainer._prepare_inputs(batch)

    def autocast(self) -> AbstractContextManager[Any]:
        """Mixed-precision context of the run; does nothing in full precision."""
        context: AbstractContextManager[Any] = self._trainer.compute_loss_context_manager()
        return context

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a scalar loss to the parameters, scaled for gradient accumulation."""
        trainer = self._trainer
        trainer.accelerator.backward(loss / trainer.current_gradient_accumulation_steps)

    def sum_over_processes(self, values: Tensor) -> Tensor:
        """Elementwise sum over the processes of a data-parallel run; the values themselves with one process."""
        if self._trainer.args.world_size == 1:
            return values
        total: Tensor = self._trainer.accelerator.reduce(values, reduction="sum")
        return total

    def mean_over_processes(self, values: Tensor) -> Tensor:
        """Elementwise mean over the processes of a data-parallel run."""
        return self.sum_over_processes(values) / int(self._trainer.args.world_size)
