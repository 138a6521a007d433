"""Weight consolidation by RecAdam: an annealed pull towards the pre-trained weights, beside the optimizer's step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from methods.anchor import copied, pretrained_parameters
from methods.base import Method
from methods.card import Card
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("wconsol")
class WeightConsolidation(Method):
    """Weight consolidation (RecAdam): annealed pull to the pre-trained weights, apart from the optimizer's moments.

    The objective is λ(t)·CE + (1 − λ(t))·γ/2·‖θ − θ₀‖² with λ(t) = σ(k·(t − t₀)). Its two parts are kept apart: with s
    the step that the optimizer takes for CE and η the learning rate, step t gives the pre-trained parameters ::

        θ ← θ + λ(t)·s
        θ ← θ − (1 − λ(t))·η·γ·(θ − θ₀)

    The new head takes the optimizer's step as it is, and so does every parameter without a gradient. Weight decay of
    AdamW acts in full. t counts steps that the optimizer took.

    The distance to θ₀ shrinks by the factor 1 − (1 − λ(t))·η·γ, which would grow it once (1 − λ(t))·η·γ > 2; since λ
    grows with t, (1 − λ(1))·γ·(peak learning rate) < 2 rules that out for every schedule and is required.

    Cost: 3 units a step like vanilla. Memory: θ₀, and a second copy of the weights during the optimizer's step.
    """

    card: ClassVar = Card(
        paper=(
            "Chen et al., Recall and Learn: Fine-tuning Deep Pretrained Language Models with Less Forgetting, "
            "EMNLP 2020 (RecAdam)"
        ),
        arxiv="2004.12651",
        code="https://github.com/Sanyuan-Chen/RecAdam",
        code_licence="Apache-2.0",
        cost="3",
        deviations=(
            "The released code is an Adam of its own; here the pull goes beside any optimizer of the Trainer.",
            "Weight decay comes before the step, as in torch's AdamW; the released code decays last, by default 0. "
            "That of other optimizers is part of their step and weighted by λ(t).",
            "The released code recognises pre-trained parameters by the model type in their name; here they are those "
            "of the base model.",
            "The released script offers a linear and a constant λ(t) too; here it is the sigmoid.",
        ),
    )

    short_training: ClassVar = {"pull_strength": 100.0, "anneal_midpoint": 5.0}

    pull_strength: float = hyper_parameter(
        5000.0,
        ge=0,
        description="γ: strength of the pull; times the peak learning rate it must stay below 2",
        source="released code, README and --recadam_pretrain_cof 5000.0",
    )
    anneal_steepness: float = hyper_parameter(
        0.5,
        ge=0,
        description="k: how fast λ(t) grows, per step; 0 keeps it at ½",
        source="released code, --recadam_anneal_k 0.5; its README chooses from 0.05, 0.1, 0.2, 0.5 and 1",
    )
    anneal_midpoint: float = hyper_parameter(
        250.0,
        ge=0,
        description="t₀: step at which λ(t) is ½",
        source="released code, --recadam_anneal_t0 250; its README chooses from 100, 250, 500 and 1,000",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._consolidation_start: dict[str, Tensor] = {}
        self._consolidation_before_step: dict[str, Tensor] = {}
        self._consolidation_steps = 0

    def prepare(self, run: FineTuningRun) -> None:
        """Copy the pre-trained weights.

        Raises:
            ValueError: the pull would overshoot further in every step.
        """
        super().prepare(run)
        strongest = (1.0 - self._consolidation_task_weight(1)) * run.peak_learning_rate
        if strongest * self.pull_strength >= 2.0:
            raise ValueError(
                f"pull_strength={self.pull_strength:g} diverges at learning rate {run.peak_learning_rate:g}: "
                f"use at least 0 and less than {2.0 / strongest:g}."
            )
        self._consolidation_start = copied(pretrained_parameters(run.model).items())

    def transform_gradients(self, model: nn.Module) -> None:
        """Copy the weights that the optimizer is about to move."""
        super().transform_gradients(model)
        self._consolidation_before_step = copied(
            (name, parameter)
            for name, parameter in model.named_parameters()
            if name in self._consolidation_start and parameter.grad is not None
        )

    def end_step(self, run: FineTuningRun) -> None:
        """Weight the optimizer's step by λ(t) and pull towards the pre-trained weights."""
        super().end_step(run)
        self._consolidation_steps += 1
        task_weight = self._consolidation_task_weight(self._consolidation_steps)
        pull = (1.0 - task_weight) * run.learning_rate * self.pull_strength
        decay = run.decoupled_weight_decay
        with torch.no_grad():
            for name, parameter in run.model.named_parameters():
                if name in self._consolidation_before_step:
                    before = self._consolidation_before_step[name].mul_(
                        1.0 - run.learning_rate * decay.get(parameter, 0.0)
                    )
                    parameter.copy_(torch.lerp(before, parameter, task_weight))
                    parameter.lerp_(self._consolidation_start[name], pull)
        self._consolidation_before_step = {}

    def report(self) -> dict[str, Any]:
        """``task_weight``: λ(t) of the last step; near 0 the pre-trained weights have hardly moved."""
        weight = self._consolidation_task_weight(self._consolidation_steps) if self._consolidation_steps else None
        return {**super().report(), "task_weight": weight}

    def state_dict(self) -> dict[str, Any]:
        """Pre-trained weights and the number of steps."""
        return {
            **super().state_dict(),
            "wconsol": {"start": self._consolidation_start, "steps_taken": self._consolidation_steps},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore pre-trained weights and the number of steps."""
        super().load_state_dict(state)
        self._consolidation_start = dict(state["wconsol"]["start"])
        self._consolidation_steps = state["wconsol"]["steps_taken"]

    def _consolidation_task_weight(self, step: int) -> float:
        """λ(t), in [0, 1]."""
        # the logistic function, in a form that cannot overflow
        return 0.5 * (1.0 + math.tanh(0.5 * self.anneal_steepness * (step - self.anneal_midpoint)))
