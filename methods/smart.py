"""SMART: predictions that are smooth around each text, and steps that change them little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from methods.anchor import copied
from methods.architecture import read_embedding_output, replace_embedding_output, unwrap
from methods.ascent import maximum_normalised
from methods.base import Batch
from methods.block_based import BlockBasedMethod
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.divergence import symmetric_kl
from methods.hyper_parameter import hyper_parameter
from methods.random_state import RandomState
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

RELEASED_STABILISER = 1e-6
"""Added to the norm of a perturbation by the released code (train.py: --adv_epsilon)."""


@register("smart")
class Smart(BlockBasedMethod):
    """SMART: cross-entropy, and consistency under the perturbation that changes the prediction most.

    With E the embedding output, θ̃ a momentum average of the weights θ, and means over the batch::

        CE(f(E), y) + λ·mean SKL(f(E), f(E+δ)) + μ·mean SKL(f(E; θ), f(E; θ̃))

    δ starts from N(0, σ²); each step takes g = ∇_δ Σ SKL(f(E), f(E+δ)), f(E) held constant, and sets ::

        paper:     δ ← clip(δ + η·g/(max over d of |g| + 1e-8), −ε, ε)
        released:  δ ← (δ + η·g) / (max over d of |δ + η·g| + 1e-6)

    E is not a constant: the embeddings learn from both branches. The last term, the Bregman proximal one, is off by
    default (μ = 0). After each step of the optimizer θ̃ ← β·θ̃ + (1−β)·θ, with θ̃ the initial weights at first. Its
    forward pass has the clean one's dropout mask, so that it measures how far the weights have moved.

    Cost: 6 + 2·ascent_steps units against vanilla's 3, so 8: clean and perturbed forward 2, full backward of both 4,
    for each step one forward and one backward to the embedding output; 1 more with the proximal term.
    """

    card: ClassVar = Card(
        paper=(
            "Jiang et al., SMART: Robust and Efficient Fine-Tuning for Pre-trained Natural Language Models through "
            "Principled Regularized Optimization, ACL 2020"
        ),
        arxiv="1911.03437",
        code="https://github.com/namisan/mt-dnn",
        code_licence="MIT",
        cost="6 + 2·ascent_steps, and 1 with proximal_weight: 8",
        deviations=(
            "SKL here is ½·(KL + KL), the paper's is KL + KL: consistency_weight=2 is its λ = 1, proximal_weight=2 "
            "its μ = 1.",
            "The paper keeps the perturbation in the ε-ball; the released code scales it to a largest entry of about 1 "
            "in each token, whatever the step size: ascent=released.",
            "The released code climbs a surrogate of KL made of log-odds (loss.py, stable_kl); here always SKL.",
            "The released code holds the target of each KL constant; here gradients flow through both predictions, as "
            "the formula says.",
            "The released code puts the perturbed embedding output through the embedding layer's normalisation and "
            "position embeddings a second time (matcher.py, fwd_type 2); here it goes into the first block.",
            "Where the perturbation's gradient is not finite the released code drops the term; here training stops.",
            "The released code has no proximal term; whether dropout is on for θ̃ is this project's choice.",
        ),
    )

    consistency_weight: float = hyper_parameter(
        1.0,
        ge=0,
        description="λ: weight of the smoothness term",
        source="released code, train.py: --adv_alpha 1; the paper searches 1, 3 and 5 (from a summary of it)",
    )
    ascent: Literal["paper", "released"] = hyper_parameter(
        "paper",
        description="how a step of ascent is scaled: projected on the ε-ball, or to a largest entry of 1",
        source="paper, the ball of its maximum (from a summary of it); the released code rescales instead",
    )
    ascent_steps: int = hyper_parameter(
        1, ge=1, description="steps of ascent", source="released code, train.py: --adv_k 1"
    )
    step_size: float = hyper_parameter(
        1e-3,
        ge=0,
        description="η: size of one step of ascent",
        source="paper (from a summary of it) and released code, perturbation.py; its flag --adv_step_size says 1e-5",
    )
    initial_noise: float = hyper_parameter(
        1e-5,
        ge=0,
        description="σ: standard deviation of the initial noise",
        source="paper (from a summary of it) and released code, train.py: --adv_noise_var 1e-5",
    )
    epsilon: float = hyper_parameter(
        1e-5,
        ge=0,
        description="ε: largest absolute entry of the perturbation, for ascent=paper",
        source="paper (from a summary of it)",
    )
    proximal_weight: float = hyper_parameter(
        0.0,
        ge=0,
        description="μ: weight of the Bregman proximal term; 0 leaves it out",
        source="released code, which has no such term; the paper takes 1 (from a summary of it)",
    )
    teacher_momentum: float = hyper_parameter(
        0.99,
        ge=0,
        le=1,
        description="β: momentum of the averaged weights at first",
        source="paper (from a summary of it): 0.99 for the first 10 % of updates",
    )
    late_teacher_momentum: float = hyper_parameter(
        0.999,
        ge=0,
        le=1,
        description="β afterwards",
        source="paper (from a summary of it): 0.999 for the rest of the updates",
    )
    teacher_warmup: float = hyper_parameter(
        0.1,
        ge=0,
        le=1,
        description="share of the updates that teacher_momentum lasts",
        source="paper (from a summary of it): the first 10 % of updates",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._teacher: dict[str, Tensor] = {}

    def step_units(self) -> float:
        """Clean and perturbed forward and full backward 6, each step of ascent 2, the teacher's forward 1."""
        return 6.0 + 2.0 * self.ascent_steps + (1.0 if self.proximal_weight else 0.0)

    def prepare(self, run: FineTuningRun) -> None:
        """Take the initial weights as the first average."""
        super().prepare(run)
        if self.proximal_weight:
            self._teacher = copied((name, p) for name, p in run.model.named_parameters() if p.requires_grad)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar.

        Raises:
            NonFiniteGradientError: the perturbation's gradient is NaN or infinite.
        """
        inputs = without_labels(batch)
        clean_pass = RandomState(batch["labels"].device)
        with read_embedding_output(model) as embedding_output:
            clean_logits = model(**inputs).logits
        objective = cross_entropy(clean_logits, batch["labels"])
        if self.proximal_weight:
            with clean_pass.repeated(), torch.no_grad():
                teacher_logits = torch.func.functional_call(unwrap(model), self._teacher, kwargs=inputs).logits
            objective = objective + self.proximal_weight * symmetric_kl(clean_logits, teacher_logits).mean()

        perturbation = self._ascend(model, inputs, clean_logits.detach(), embedding_output.value.detach())
        with replace_embedding_output(model, embedding_output.value + perturbation):
            perturbed_logits = model(**inputs).logits
        return objective + self.consistency_weight * symmetric_kl(clean_logits, perturbed_logits).mean()

    def end_step(self, run: FineTuningRun) -> None:
        """Move the averaged weights."""
        super().end_step(run)
        if not self.proximal_weight:
            return
        early = run.step + 1 <= self.teacher_warmup * run.total_steps
        momentum = self.teacher_momentum if early else self.late_teacher_momentum
        with torch.no_grad():
            for name, parameter in run.model.named_parameters():
                if name in self._teacher:
                    self._teacher[name].lerp_(parameter, 1 - momentum)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights."""
        return {**super().state_dict(), "smart_teacher": self._teacher}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the averaged weights."""
        super().load_state_dict(state)
        self._teacher = dict(state["smart_teacher"])

    def _ascend(self, model: nn.Module, inputs: Batch, clean_logits: Tensor, clean: Tensor) -> Tensor:
        """δ, a constant, (B, L, d)."""
        perturbation = self.initial_noise * torch.randn_like(clean)
        for _ in range(self.ascent_steps):
            perturbation.requires_grad_()
            with replace_embedding_output(model, clean + perturbation):
                logits = model(**inputs).logits
            # a sum: the mean's gradient would be smaller in larger batches, and lost beside the stabiliser
            (gradient,) = torch.autograd.grad(symmetric_kl(clean_logits, logits).sum(), perturbation)
            perturbation = self._moved(perturbation.detach(), gradient)
        return perturbation

    def _moved(self, perturbation: Tensor, gradient: Tensor) -> Tensor:
        direction = maximum_normalised(gradient)  # refuses a gradient that is not finite
        if self.ascent == "paper":
            return (perturbation + self.step_size * direction).clamp(-self.epsilon, self.epsilon)
        moved = perturbation + self.step_size * gradient
        return moved / (moved.abs().amax(dim=-1, keepdim=True) + RELEASED_STABILISER)
