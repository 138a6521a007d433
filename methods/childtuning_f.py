"""Child-Tuning without task information: random gradients are dropped in every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from methods.base import Method
from methods.card import Card
from methods.child_tuning import ARXIV, CODE, CODE_LICENCE, DECAY, PAPER
from methods.hyper_parameter import hyper_parameter
from methods.named_generator import named_generator
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import nn

    from methods.fine_tuning_run import FineTuningRun


@register("childtuning-f")
class ChildTuningF(Method):
    """Child-Tuning-F: cross-entropy with a fresh random mask over all gradients in every step.

    For every trainable parameter θ, embeddings and head included, in every step of the optimizer ::

        m(θ) ~ Bernoulli(p)        g ← g·m/p

    so E[g·m/p] = g. The mask is applied after gradient accumulation and clipping; the moments see masked gradients,
    weight decay acts everywhere. It is drawn from the run's seed and the step, so all processes of a data-parallel run
    draw the same one.

    Cost: 3 units a step like vanilla; the masks take no lasting memory.
    """

    card: ClassVar = Card(
        paper=PAPER,
        arxiv=ARXIV,
        code=CODE,
        code_licence=CODE_LICENCE,
        cost="3",
        deviations=(
            DECAY,
            "The released code draws from the global generator; here the masks have a generator of their own.",
        ),
    )

    reserve_probability: float = hyper_parameter(
        0.3,
        gt=0,
        le=1,
        description="p: probability of keeping a gradient",
        source="released code, run.sh: --reserve_p 0.3 (the optimizer's own default 1.0 masks nothing)",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._childtuning_seed = 0
        self._childtuning_masks_drawn = 0

    def prepare(self, run: FineTuningRun) -> None:
        """Take the run's seed."""
        super().prepare(run)
        self._childtuning_seed = run.seed

    def transform_gradients(self, model: nn.Module) -> None:
        """Draw the step's mask and apply it in place."""
        super().transform_gradients(model)
        generator: torch.Generator | None = None
        for parameter in model.parameters():
            if parameter.grad is None:
                continue
            if generator is None:
                generator = named_generator(
                    parameter.device, self._childtuning_seed, "childtuning-f", self._childtuning_masks_drawn
                )
            kept = torch.empty_like(parameter.grad).bernoulli_(self.reserve_probability, generator=generator)
            parameter.grad.mul_(kept.div_(self.reserve_probability))
        self._childtuning_masks_drawn += 1

    def state_dict(self) -> dict[str, Any]:
        """Seed and number of masks drawn."""
        return {
            **super().state_dict(),
            "childtuning_f": {"seed": self._childtuning_seed, "masks_drawn": self._childtuning_masks_drawn},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore seed and number of masks drawn."""
        super().load_state_dict(state)
        self._childtuning_seed = state["childtuning_f"]["seed"]
        self._childtuning_masks_drawn = state["childtuning_f"]["masks_drawn"]
