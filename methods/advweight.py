"""Sharpness-aware minimisation: the gradient of the worst loss nearby in weight space."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from methods.anchor import copied
from methods.ascent import NonFiniteGradientError
from methods.base import Batch, Method
from methods.card import Card
from methods.hyper_parameter import hyper_parameter
from methods.random_state import RandomState
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

SMALLEST_NORM = 1e-12
"""Added to the norm so that a zero gradient gives a zero ascent."""


@register("advweight")
class AdvWeight(Method):
    """Sharpness-aware minimisation (SAM): the gradient is taken where the weights were moved to raise the loss.

    With g = ∇_θ L(θ) over all trainable parameters together and ‖·‖ their Euclidean norm, the optimizer gets ::

        ∇L(θ + ρ·g/‖g‖)

    and steps from θ, which is put back to the bit. L is the loss of whatever method this is combined with. Both passes
    draw the same random numbers, so the loss climbed is the loss descended. Each mini-batch of an accumulated step and
    each process of a data-parallel run climbs from its own gradient.

    Cost: 6 units against vanilla's 3 (two forward and two full backward passes).
    """

    card: ClassVar = Card(
        paper=(
            "Foret et al., Sharpness-Aware Minimization for Efficiently Improving Generalization, ICLR 2021; "
            "Bahri et al., Sharpness-Aware Minimization Improves Language Model Generalization, ACL 2022 (2110.08529)"
        ),
        arxiv="2010.01412",
        code="https://github.com/google-research/sam",
        code_licence="Apache-2.0",
        cost="6",
        deviations=(
            "The released code draws the same dropout mask in both passes, as here; the widely used PyTorch version "
            "(davda54/sam, MIT) draws a fresh one.",
            "The released code has an L2 penalty inside the loss that it climbs; here weight decay is the optimizer's.",
            "The released code divides by ‖g‖ alone; here 1e-12 is added, as in davda54/sam.",
            "Bahri et al. approximate the ascent at about a quarter more compute than plain training (after Brock et "
            "al. 2021); here the whole batch is climbed, as Foret et al. do.",
        ),
    )

    sam_rho: float = hyper_parameter(
        0.05,
        ge=0,
        description="ρ: Euclidean distance that the weights are moved uphill",
        source="released code, README: --sam_rho 0.05 for training from scratch (0.1 for fine-tuning EfficientNet)",
    )

    def step_units(self) -> float:
        """Twice the forward and backward passes of the loss it is combined with."""
        return 2.0 * super().step_units()

    def backward(self, run: FineTuningRun, model: nn.Module, batch: Batch) -> Tensor:
        """Leave the gradient at the raised weights and return the loss there.

        Raises:
            NonFiniteGradientError: the gradient that gives the direction is NaN or infinite.
        """
        parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        random_state = RandomState(next(iter(parameters.values())).device)
        with run.autocast():
            loss = self.loss(model, batch)
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        own = copied(parameters.items())
        self._climb(list(parameters.values()), gradients)
        try:
            with random_state.repeated(), run.autocast():
                raised_loss = self.loss(model, batch)
            run.backward(raised_loss)
        finally:
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(own[name])
        return raised_loss.detach()

    def _climb(self, parameters: list[nn.Parameter], gradients: tuple[Tensor | None, ...]) -> None:
        norm = torch.stack([gradient.norm() for gradient in gradients if gradient is not None]).norm()
        if not torch.isfinite(norm):
            raise NonFiniteGradientError("the gradient with respect to the weights is NaN or infinite")
        scale = self.sam_rho / (norm + SMALLEST_NORM)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.add_(scale * gradient)
