"""Interpolation between the weights before and after fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from methods.anchor import copied, exchanged
from methods.card import Card
from methods.hyper_parameter import hyper_parameter
from methods.lp_ft import LpFt
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("wise-ft")
class WiseFt(LpFt):
    """Weights interpolated between the pre-trained model with a probed head and the model fine-tuned from there.

    With θ₀ the pre-trained weights and a head trained alone on them (as in lp-ft), and θ_ft fine-tuned from θ₀::

        θ = (1 − α)·θ₀ + α·θ_ft

    for every trained parameter, the head among them. Evaluation during training, and with it the choice of the epoch,
    sees the interpolated weights; training goes on from θ_ft.

    Cost: 3 units a step like vanilla, the head's probing beforehand as in lp-ft, and one copy of the weights in memory
    and in checkpoints.
    """

    card: ClassVar = Card(
        paper="Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, CVPR 2022",
        arxiv="2109.01903",
        code="https://github.com/mlfoundations/wise-ft",
        code_licence="MIT",
        cost="3, and forward passes over the training set beforehand",
        deviations=(
            "The paper's θ₀ is a zero-shot model (CLIP with a head made from text); an encoder has none, so here θ₀ "
            "has a head trained on frozen features.",
            "The released code fine-tunes for a set number of epochs and interpolates afterwards; here the kept epoch "
            "is the best one after interpolation.",
            "The released code can also weigh the parameters by Fisher information (--fisher); here they are equal.",
        ),
    )

    interpolation_weight: float = hyper_parameter(
        0.5,
        ge=0,
        le=1,
        description="α: share of the fine-tuned weights; 1 is lp-ft, 0 the pre-trained model with its probed head",
        source="released code, src/args.py: --alpha 0.5",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._start: dict[str, Tensor] = {}

    def prepare(self, run: FineTuningRun) -> None:
        """Train the head alone, then keep a copy of the weights.

        Raises:
            ValueError: the model has adapters, whose factors do not interpolate as their product does.
        """
        super().prepare(run)
        if any(hasattr(module, "base_layer") for module in run.model.modules()):
            raise ValueError("wise-ft interpolates weights, and a model with adapters trains none; leave lora out.")
        self._start = copied((name, p) for name, p in run.model.named_parameters() if p.requires_grad)

    def evaluated_weights(self, model: nn.Module) -> AbstractContextManager[None]:
        """The interpolated weights, from those that a method combined with this one would keep."""
        return self._interpolated_within(super().evaluated_weights(model), model)

    def finish(self, run: FineTuningRun) -> None:
        """Leave the interpolated weights in the model."""
        super().finish(run)
        with torch.no_grad():
            parameters = dict(run.model.named_parameters())
            for name, value in self._interpolated(run.model).items():
                parameters[name].copy_(value)
        self._start = {}

    def state_dict(self) -> dict[str, Any]:
        """The weights before fine-tuning."""
        return {**super().state_dict(), "interpolation_start": self._start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the weights before fine-tuning."""
        super().load_state_dict(state)
        self._start = dict(state["interpolation_start"])

    @contextmanager
    def _interpolated_within(self, outer: AbstractContextManager[None], model: nn.Module) -> Iterator[None]:
        with outer, exchanged(model, self._interpolated(model)):
            yield

    def _interpolated(self, model: nn.Module) -> dict[str, Tensor]:
        return {
            name: torch.lerp(self._start[name], parameter.detach(), self.interpolation_weight)
            for name, parameter in model.named_parameters()
            if name in self._start
        }
