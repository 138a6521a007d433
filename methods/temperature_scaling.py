"""Calibration after training by one number, folded into the model's last layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from methods.architecture import output_layer
from methods.base import Method
from methods.card import Card
from methods.classification import without_labels
from methods.dropout import evaluation_mode
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

LOWEST_TEMPERATURE = 0.1
HIGHEST_TEMPERATURE = 10.0
"""Where every held-out text is classified rightly no temperature is the best; the search ends at these."""

HALVINGS = 60
"""Halvings of the search interval: down to the resolution of double precision."""


@register("temperature-scaling")
class TemperatureScaling(Method):
    """Plain fine-tuning; then the logits are divided by the temperature that fits held-out texts best.

    With z_i the kept model's logits for the n held-out texts that chose the epoch::

        T = argmin over T of  −(1/n)·Σ_i log softmax(z_i/T)_{y_i}

    T is folded into the layer that gives the logits (weight and bias divided by T), so the model stays an ordinary one
    and its predictions stay the same. The minimum is exact: in 1/T the objective is convex, so the root of its
    derivative is found by halving.

    Training is vanilla's, to the bit. In a data-parallel run the sums are those of all processes; texts that the
    sampler repeats to fill the last batch count twice. No hyper-parameters. Cost: 3 units a step like vanilla, and one
    forward pass over the held-out texts at the end.
    """

    card: ClassVar = Card(
        paper="Guo et al., On Calibration of Modern Neural Networks, ICML 2017",
        arxiv="1706.04599",
        code="https://github.com/gpleiss/temperature_scaling",
        code_licence="MIT",
        cost="3, and one forward pass over the held-out texts",
        deviations=(
            "The temperature is fitted on the texts that also chose the epoch.",
            "The released code starts L-BFGS at T=1.5 with step 0.01 and up to 200 iterations; here the minimum itself "
            f"is found, within {LOWEST_TEMPERATURE} to {HIGHEST_TEMPERATURE:.0f}.",
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._temperature: float | None = None

    def prepare_model(self, model: nn.Module) -> None:
        """Refuse a model whose last layer cannot be located."""
        super().prepare_model(model)
        output_layer(model)

    def prepare(self, run: FineTuningRun) -> None:
        """Refuse a run without held-out texts.

        Raises:
            ValueError: the Trainer was given no ``eval_dataset``.
        """
        super().prepare(run)
        run.selection_batches()

    def finish(self, run: FineTuningRun) -> None:
        """Fit the temperature on the weights that the other methods leave, and fold it into the last layer."""
        super().finish(run)
        logits, labels = _held_out_logits(run)
        self._temperature = fitted_temperature(logits, labels, run.sum_over_processes)
        layer = output_layer(run.model)
        with torch.no_grad():
            layer.weight.div_(self._temperature)
            if layer.bias is not None:
                layer.bias.div_(self._temperature)

    def report(self) -> dict[str, Any]:
        """``temperature``: what the logits were divided by; None until training has ended."""
        return {**super().report(), "temperature": self._temperature}


def fitted_temperature(
    logits: Tensor, labels: Tensor, total: Callable[[Tensor], Tensor] = lambda value: value
) -> float:
    """The temperature with the lowest mean negative log-likelihood.

    Args:
        logits: (n, C), of double precision.
        labels: (n,), int64.
        total: sum over the processes of a data-parallel run.
    """
    right = logits.gather(1, labels[:, None]).squeeze(1)

    def slope(inverse_temperature: float) -> float:
        """Derivative of the summed negative log-likelihood by 1/T: Σ (E_p[z] − z_y), which rises with 1/T."""
        probabilities = (inverse_temperature * logits).softmax(dim=1)
        return float(total(((probabilities * logits).sum(dim=1) - right).sum()))

    low, high = math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if slope(math.exp(-middle)) > 0:  # less steep is better: a higher temperature
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _held_out_logits(run: FineTuningRun) -> tuple[Tensor, Tensor]:
    """Logits (n, C) in double precision and labels (n,) of this process's share."""
    logits, labels = [], []
    with evaluation_mode(run.model), torch.no_grad(), run.autocast():
        for batch in run.selection_batches():
            logits.append(run.model(**without_labels(batch)).logits.double())
            labels.append(batch["labels"])
    return torch.cat(logits), torch.cat(labels)
