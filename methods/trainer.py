"""Fine-tuning under a method: a Hugging Face ``Trainer`` with one more argument."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from methods.agreement import Agreement
from methods.architecture import unwrap
from methods.ascent import NonFiniteGradientError
from methods.base import Method
from methods.fine_tuning_run import FineTuningRun
from methods.weights_only import weights_only

METHOD_STATE = "method_state.pt"
"""File of a checkpoint that holds the method's own state."""


class NonFiniteLossError(ArithmeticError):
    """The training loss, or the gradient a method's perturbation needs, is NaN or infinite."""


class MethodTrainer(Trainer):  # type: ignore[misc]
    """Hugging Face ``Trainer`` that fine-tunes under a `Method`.

    Everything else is the Trainer's: arguments, callbacks, mixed precision, gradient accumulation, data-parallel
    training, checkpoints. The method's state is saved in every checkpoint and restored on resume. Where the best model
    is kept, a tie goes to the later evaluation, as in the published recipe.

    Raises:
        ValueError: on construction, where the method cannot work on the model, under FSDP or DeepSpeed, with several
            GPUs in one process, with a second source of the loss (label smoothing, ``compute_loss_func``), or with
            ``save_only_model`` where the best model is kept; on resume, from a checkpoint of another Trainer.
        NonFiniteLossError: during ``train``, naming the step, as soon as a loss is NaN or infinite.
        OtherProcessFailedError: during ``train``, in every other process of a data-parallel training of which one has
            raised an exception.
    """

    def __init__(self, *positional: Any, method: Method, **keywords: Any) -> None:
        """Make a trainer.

        Args:
            *positional: as for ``Trainer``.
            method: how to fine-tune.
            **keywords: as for ``Trainer``.
        """
        super().__init__(*positional, **keywords)
        if self.args.n_gpu > 1:
            raise ValueError("MethodTrainer: one process takes one GPU; start several with torchrun.")
        if self.label_smoother is not None or self.compute_loss_func is not None:
            raise ValueError(
                "MethodTrainer: the method makes the loss; drop label_smoothing_factor and compute_loss_func."
            )
        if self.args.load_best_model_at_end and self.args.save_only_model:
            raise ValueError("MethodTrainer: the best model needs the method's state beside it; drop save_only_model.")
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            raise ValueError("MethodTrainer: FSDP and DeepSpeed shard gradients that methods must see whole; use DDP.")
        self.method = method
        self.run = FineTuningRun(self)
        self.model_accepts_loss_kwargs = False  # methods return mean losses; accumulation divides by the batch count
        self._resumed = False
        self.agreement = self._new_agreement()
        method.prepare_model(unwrap(self.model))
        self.add_callback(_MethodHooks(self))

    def train(self, *positional: Any, **keywords: Any) -> Any:
        """As ``Trainer.train``; afterwards the method finishes on the kept weights."""
        self._resumed = False
        self.agreement = self._new_agreement()
        output = super().train(*positional, **keywords)
        self.agreement.settle()
        with self.agreement.keep_failure():
            self.method.finish(self.run)
        self.agreement.settle()
        return output

    def _new_agreement(self) -> Agreement:
        return Agreement(self.args.world_size, self.args.device)

    def evaluate(self, *positional: Any, **keywords: Any) -> dict[str, float]:
        """As ``Trainer.evaluate``, on the weights that the method would keep."""
        self.agreement.settle()
        with self.method.evaluated_weights(unwrap(self.model)):
            metrics: dict[str, float] = super().evaluate(*positional, **keywords)
        return metrics

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Tensor | None = None
    ) -> Tensor:
        """One mini-batch: the method leaves its gradient in the parameters; returns the detached loss.

        Methods see the model without its data-parallel wrapper, which takes one forward pass for each backward pass;
        gradients are averaged over processes here, once accumulated, and so is the loss.
        """
        inner = unwrap(model)
        loss = torch.zeros((), device=self.args.device)
        with self.agreement.keep_failure():
            loss = self._backward(inner, inputs)
        if self.args.world_size > 1:
            loss = torch.full_like(loss, self.agreement.settle(float(loss)))
            if self.accelerator.sync_gradients:
                average_gradients(inner)
        mean_loss: Tensor = loss / self.current_gradient_accumulation_steps
        return mean_loss

    def _backward(self, inner: nn.Module, inputs: dict[str, Any]) -> Tensor:
        """This process's gradient, added to the parameters', and its loss, which is finite."""
        inner.train()
        try:
            loss = self.method.backward(self.run, inner, self._prepare_inputs(inputs))
        except NonFiniteGradientError as error:
            raise NonFiniteLossError(f"step {self.state.global_step + 1}: {error}") from error
        if not bool(torch.isfinite(loss)):
            raise NonFiniteLossError(f"step {self.state.global_step + 1}: the training loss is {loss.item()}")
        return loss

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        name = self.args.metric_for_best_model
        if name is not None and self.state.best_metric is not None:
            value = metrics.get(name if name.startswith("eval_") else f"eval_{name}")
            if value is not None and value == self.state.best_metric:
                self.state.best_metric = math.nextafter(value, -math.inf if self.args.greater_is_better else math.inf)
        return bool(super()._determine_best_metric(metrics=metrics, trial=trial))

    def _save_checkpoint(self, *positional: Any, **keywords: Any) -> None:
        self.agreement.settle()
        with self.agreement.keep_failure():
            super()._save_checkpoint(*positional, **keywords)
        self.agreement.settle()

    def save_model(self, *positional: Any, **keywords: Any) -> None:
        """As ``Trainer.save_model``."""
        with self.agreement.keep_failure():  # the processes meet before the rest of a checkpoint is written
            super().save_model(*positional, **keywords)

    def _save_rng_state(self, output_dir: str) -> None:
        with self.agreement.keep_failure():
            super()._save_rng_state(output_dir)
        self.agreement.settle()  # each has written its part before the first one ends the checkpoint

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            torch.save(self.method.state_dict(), Path(output_dir) / METHOD_STATE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self._load_method_state(checkpoint)
            self._resumed = True

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with weights_only():  # the Trainer leaves it to torch's default, which a variable can switch off
            super()._load_rng_state(checkpoint)

    def _load_best_model(self) -> None:
        super()._load_best_model()
        self._load_method_state(self.state.best_model_checkpoint)

    def _load_method_state(self, checkpoint: str) -> None:
        path = Path(checkpoint) / METHOD_STATE
        if not path.is_file():
            raise ValueError(f"{checkpoint}: holds no {METHOD_STATE}; it is not a checkpoint of a MethodTrainer.")
        state = torch.load(path, map_location=self.args.device, weights_only=True)
        self.method.load_state_dict(state)


def average_gradients(model: nn.Module) -> None:
    """Replace every gradient by its mean over the processes of a data-parallel run."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            if parameter.grad is None:  # another process may have one, and all must take part
                parameter.grad = torch.zeros_like(parameter)
            torch.distributed.all_reduce(parameter.grad)
            parameter.grad /= torch.distributed.get_world_size()


def _all_finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(p.grad).all()) for p in model.parameters() if p.grad is not None)


class _MethodHooks(TrainerCallback):  # type: ignore[misc]
    """Calls the method's hooks at the Trainer's events."""

    def __init__(self, trainer: MethodTrainer) -> None:
        self._trainer = trainer

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if not self._trainer._resumed:
            with self._trainer.agreement.keep_failure():
                self._trainer.method.prepare(self._trainer.run)

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        trainer = self._trainer
        if not args.max_grad_norm:  # clipping has already undone the loss scaling of fp16
            trainer.accelerator.unscale_gradients()
        if args.fp16 and not _all_finite(trainer.model):
            return  # the loss scale was too large: this step is skipped, and its gradients must not count
        with trainer.agreement.keep_failure():
            trainer.method.transform_gradients(unwrap(trainer.model))

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if not self._trainer.accelerator.optimizer_step_was_skipped:
            with self._trainer.agreement.keep_failure():
                self._trainer.method.end_step(self._trainer.run)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        # Not on_epoch_end, which comes after a checkpoint that falls on an epoch's last step.
        if state.epoch == int(state.epoch):
            with self._trainer.agreement.keep_failure():
                self._trainer.method.end_epoch(self._trainer.run)
