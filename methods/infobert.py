"""InfoBERT: adversarial training with an information bottleneck and anchored features."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from methods.architecture import (
    States,
    change_embedding_output,
    classified_states,
    read_final_states,
    unwrap,
)
from methods.ascent import frobenius_norm, frobenius_normalised
from methods.base import Batch
from methods.block_based import BlockBasedMethod
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.contrastive import attach_network, attached_network, detach_network, info_nce
from methods.hyper_parameter import hyper_parameter
from methods.random_state import RandomState
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

CRITIC = "infobert_critic"
"""Name under which the critic is part of the model while it is trained."""

CRITIC_SHARE = 300 / 1024
"""Hidden width of the critic as a share of the model's: 300 for the large models of the released commands."""


@register("infobert")
class InfoBert(BlockBasedMethod):
    """FreeLB with an information bottleneck on token embeddings and anchored features tied to the sentence feature.

    With E the embedding output, each of K ascent steps takes δ, the token states e = E+δ of all texts and the final
    states z of the classified tokens, and adds a K-th of the gradient of ::

        CE(f(E+δ), y) + β·½·mean over tokens i of ‖e_i − e_r(i)‖² − α·Î(e_anchored; z)

    r(i) is a token of the batch drawn at random: the middle term bounds the information that token states carry.
    Anchored are, in each text, the tokens whose ‖∇_δ‖ of the first two terms ranks in [lower_quantile, upper_quantile).
    Î = log n − InfoNCE is estimated over random groups of n pairs (anchored token, its text's z), n the batch size, by
    a critic T(e, z) = softplus(w·relu(W·[e; z])) that is trained along and taken out of the model afterwards. Then
    δ ← δ + step_size·∇_δ/‖∇_δ‖ per text. All K steps share one dropout mask; the first δ is uniform noise of norm about
    initial_magnitude/√3.

    Cost: 4 K units, 12 for K = 3, against vanilla's 3 (forward 1, backward to δ 1, full backward 2 at each step).
    """

    card: ClassVar = Card(
        paper=(
            "Wang et al., InfoBERT: Improving Robustness of Language Models from An Information Theoretic Perspective, "
            "ICLR 2021"
        ),
        arxiv="2010.02329",
        code="https://github.com/AI-secure/InfoBERT",
        code_licence="none stated",
        cost="12 (4 for each ascent step)",
        deviations=(
            "The released code perturbs word embeddings, before positions and normalisation; here the embedding output "
            "is perturbed.",
            "The released code pairs anchored features in an order shuffled with the same seed at every step; here the "
            "order is drawn anew.",
            "The released code makes two full backward passes at each step, 5 units; here the gradient that ranks "
            "tokens goes to δ alone, and one full backward pass takes the sum: the same gradient for 4 units.",
            "The released critic has hidden width 300; here it is 300/1024 of the model's width.",
            "A text too short to have a token between the quantiles takes no part in the anchored term, which is zero "
            "in a batch without any; the released code fails there.",
            "The sentence feature is the final state of the token that the head classifies; the released code takes "
            "the first token's.",
        ),
    )

    owns: ClassVar[frozenset[str]] = frozenset({"loss", "backward"})

    ascent_steps: int = hyper_parameter(
        3, ge=1, description="K: steps of ascent", source="released code, ANLI/README.md: asteps 3; SQuAD: 2"
    )
    step_size: float = hyper_parameter(
        0.04,
        ge=0,
        description="length of a step of ascent, per text",
        source="released code, ANLI/README.md: adv lr 4e-2; SQuAD: 2e-2",
    )
    initial_magnitude: float = hyper_parameter(
        0.08,
        ge=0,
        description="the first perturbation is uniform in ±this/√(tokens·width)",
        source="released code, ANLI/README.md: adv mag 8e-2; SQuAD: 2e-2",
    )
    maximum_norm: float | None = hyper_parameter(
        None,
        gt=0,
        description="largest norm of a text's perturbation; none: unlimited",
        source="released code, ANLI/README.md: anorm 0, which means unlimited; SQuAD: 4e-2",
    )
    bottleneck_weight: float = hyper_parameter(
        5e-3,
        ge=0,
        description="β: weight of the information bottleneck",
        source="released code, ANLI/README.md: beta 5e-3; SQuAD: 5e-5",
    )
    anchored_feature_weight: float = hyper_parameter(
        5e-3,
        ge=0,
        description="α: weight of the anchored features' information about the sentence feature",
        source="released code, ANLI/README.md and SQuAD/README.md: alpha 5e-3",
    )
    lower_quantile: float = hyper_parameter(
        0.5,
        ge=0,
        le=1,
        description="relative rank of the gradient's norm from which on a token is anchored",
        source="released code, ANLI/README.md: cl 0.5; SQuAD: 0.75",
    )
    upper_quantile: float = hyper_parameter(
        0.9,
        ge=0,
        le=1,
        description="relative rank below which a token is anchored; none is where this is not above lower_quantile",
        source="released code, ANLI/README.md: ch 0.9; SQuAD: 0.95",
    )

    def prepare_model(self, model: nn.Module) -> None:
        """Give the model the critic to train.

        Raises:
            ValueError: the model's blocks cannot be located.
        """
        super().prepare_model(model)
        width = _width(model)
        hidden = round(width * CRITIC_SHARE)

        def critic() -> nn.Module:
            return torch.nn.ModuleDict(
                {"pair": torch.nn.Linear(2 * width, hidden), "score": torch.nn.Linear(hidden, 1)}
            )

        attach_network(model, CRITIC, critic)

    def step_units(self) -> float:
        """At each ascent step: forward 1, backward to the perturbation 1, full backward 2."""
        return 4.0 * self.ascent_steps

    def backward(self, run: FineTuningRun, model: nn.Module, batch: Batch) -> Tensor:
        """Add the mean gradient over the ascent steps; return the mean objective.

        Raises:
            NonFiniteGradientError: the perturbation's gradient is NaN or infinite.
        """
        mask = batch["attention_mask"].bool()
        perturbation = self._initial_perturbation(model, mask)
        dropout = RandomState(mask.device)
        losses = []
        for step in range(self.ascent_steps):
            perturbation.requires_grad_()
            with run.autocast():
                with dropout.repeated() if step else nullcontext():
                    logits, token_states, sentence_states = _forward(model, batch, perturbation)
                objective = cross_entropy(logits, batch["labels"])
                objective = objective + self.bottleneck_weight * _bottleneck(token_states[mask])
                (gradient,) = torch.autograd.grad(objective, perturbation, retain_graph=True)
                anchored = self._anchored(gradient, mask)
                information = _information(attached_network(model, CRITIC), token_states, sentence_states, anchored)
                objective = objective - self.anchored_feature_weight * information
            run.backward(objective / self.ascent_steps)
            losses.append(objective.detach())
            perturbation = self._ascend(perturbation.detach(), gradient)
        return torch.stack(losses).mean()

    def finish(self, run: FineTuningRun) -> None:
        """Take the critic out of the model."""
        super().finish(run)
        detach_network(run.model, CRITIC)

    def _initial_perturbation(self, model: nn.Module, mask: Tensor) -> Tensor:
        """Uniform noise at tokens, zero at padding, (B, L, d)."""
        parameter = next(model.parameters())
        width = _width(model)
        noise = 2 * torch.rand((*mask.shape, width), dtype=parameter.dtype, device=mask.device) - 1
        magnitude = self.initial_magnitude / (mask.sum(dim=1) * width).sqrt()
        return noise * (mask * magnitude[:, None]).to(noise.dtype)[:, :, None]

    def _anchored(self, gradient: Tensor, mask: Tensor) -> Tensor:
        """Whether a token is anchored, by the rank of its gradient's norm in its text; (B, L)."""
        norms = gradient.norm(dim=-1).masked_fill(~mask, math.inf)
        ranks = norms.argsort(dim=1).argsort(dim=1)
        lengths = mask.sum(dim=1).tolist()
        lower = ranks.new_tensor([math.ceil(length * self.lower_quantile) for length in lengths])
        upper = ranks.new_tensor([math.ceil(length * self.upper_quantile) for length in lengths])
        between: Tensor = (ranks >= lower[:, None]) & (ranks < upper[:, None])
        return mask & between

    def _ascend(self, perturbation: Tensor, gradient: Tensor) -> Tensor:
        moved = perturbation + self.step_size * frobenius_normalised(gradient)
        if self.maximum_norm is None:
            return moved
        shrink = (self.maximum_norm / frobenius_norm(moved)).clamp(max=1)
        return moved * shrink


def _width(model: nn.Module) -> int:
    """Size of a token's state."""
    config: Any = unwrap(model).config
    return int(config.hidden_size)


def _forward(model: nn.Module, batch: Batch, perturbation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (B, C), perturbed embedding output (B, L, d) and final states of the classified tokens (B, d)."""
    token_states = States()

    def perturb(embedding_output: Tensor) -> Tensor:
        token_states.value = embedding_output + perturbation
        return token_states.value

    with change_embedding_output(model, perturb), read_final_states(model) as final_states:
        logits = model(**without_labels(batch)).logits
    return logits, token_states.value, classified_states(model, final_states.value, batch["attention_mask"])


def _bottleneck(states: Tensor) -> Tensor:
    """Half the mean squared distance of token states (n, d) to others drawn at random with replacement, a scalar."""
    others = torch.randint(len(states), (len(states),)).to(states.device)
    return 0.5 * (states - states[others]).square().sum(dim=-1).mean()


def _information(critic: Any, token_states: Tensor, sentence_states: Tensor, anchored: Tensor) -> Tensor:
    """Mean over groups of log n − InfoNCE between anchored tokens and their texts' features, a scalar."""
    texts, tokens = anchored.nonzero(as_tuple=True)
    if not len(texts):
        return token_states.new_zeros(())
    # The critic's first layer is linear in the pair: each side goes through it once, not once for each pair.
    width = token_states.shape[-1]
    weight, bias = critic["pair"].weight, critic["pair"].bias
    of_tokens = torch.nn.functional.linear(token_states[texts, tokens], weight[:, :width])
    of_texts = torch.nn.functional.linear(sentence_states, weight[:, width:], bias)

    order = torch.randperm(len(texts)).to(texts.device)
    bounds = []
    for group in torch.split(order, len(sentence_states)):
        hidden = torch.relu(of_texts[texts[group]][:, None] + of_tokens[group][None])
        scores = torch.nn.functional.softplus(critic["score"](hidden)).squeeze(-1)
        bounds.append(math.log(len(group)) - info_nce(scores))
    return torch.stack(bounds).mean()
