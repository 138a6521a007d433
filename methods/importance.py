"""Importance of parameters, estimated from squared gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


class Importance:
    """I(θ) = (1/N)·Σ over N mini-batches of g_θ², accumulated in place (arXiv 2312.04032; Fisher information)."""

    def __init__(self) -> None:
        self.mini_batches = 0
        self._sums: dict[str, Tensor] = {}

    def add(self, gradients: Mapping[str, Tensor]) -> None:
        """Count one mini-batch: parameter name → its gradient. A parameter absent here adds zero."""
        self.mini_batches += 1
        for name, gradient in gradients.items():
            if name not in self._sums:
                self._sums[name] = torch.zeros_like(gradient, dtype=torch.float32)
            gradient = gradient.float()
            self._sums[name].addcmul_(gradient, gradient)

    def mean(self) -> dict[str, Tensor]:
        """I(θ) by parameter name, float32.

        Raises:
            ValueError: no mini-batch was counted.
        """
        if self.mini_batches == 0:
            raise ValueError("no mini-batch has been counted, so there is no importance to rank.")
        return {name: total / self.mini_batches for name, total in self._sums.items()}

    def average_over_processes(self, mean: Callable[[Tensor], Tensor]) -> None:
        """Replace the sums by their mean over processes that each counted as many mini-batches of their own."""
        self._sums = {name: mean(total) for name, total in self._sums.items()}

    def reset(self) -> None:
        """Start a new average."""
        self.mini_batches = 0
        for total in self._sums.values():
            total.zero_()

    def state_dict(self) -> dict[str, Any]:
        """The sums and the count."""
        return {"mini_batches": self.mini_batches, "sums": self._sums}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.mini_batches = state["mini_batches"]
        self._sums = dict(state["sums"])


def gradients_of_plain_training(
    run: FineTuningRun, parameters: Mapping[str, nn.Parameter]
) -> Iterator[dict[str, Tensor]]:
    """Gradients of the mean cross-entropy for each mini-batch of one pass over the training set, dropout on.

    Args:
        run: gives the mini-batches; the model and its ``.grad`` stay as they are.
        parameters: those to differentiate by, by name; one that takes no part in the loss is left out.
    """
    run.model.train()
    for batch in run.training_batches():
        with run.autocast():
            loss = run.model(**batch).loss
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        yield {name: gradient for name, gradient in zip(parameters, gradients, strict=True) if gradient is not None}
