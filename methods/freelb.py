"""FreeLB: parameters learn from every step of the adversary's ascent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from methods.architecture import change_embedding_output
from methods.ascent import frobenius_norm, frobenius_normalised
from methods.base import Batch
from methods.block_based import BlockBasedMethod
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.hyper_parameter import hyper_parameter
from methods.random_state import RandomState
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

SMALLEST_NORM = 1e-12
"""Divisor of a perturbation that is zero, so that its projection is zero too."""


@register("freelb")
class FreeLB(BlockBasedMethod):
    """FreeLB: K steps of ascent on the embedding output, parameter gradients averaged over all of them.

    With E the embedding output, N an example's tokens times the hidden size, and Π the projection of each example's
    perturbation on the ball ‖δ‖_F ≤ ε::

        objective:  (1/K)·Σ over k = 0 … K−1 of CE(f(E+δ_k), y)
        start:      δ₀ = Π( U(−1,1)·initial_magnitude / √N )
        ascent:     δ_{k+1} = Π( δ_k + α·g/(‖g‖_F + 1e-8) ),  g = ∇_δ CE(f(E+δ_k), y), per example

    One backward pass gives the gradient of the parameters and the next g. Padding is never perturbed. The start's norm
    is close to initial_magnitude/√3. Dropout drops the same in all K passes (``same_dropout``), so that the adversary
    climbs one function.

    Cost: 3·K units against vanilla's 3, so 9 for K = 3: K forward and K full backward passes.
    """

    card: ClassVar = Card(
        paper="Zhu et al., FreeLB: Enhanced Adversarial Training for Natural Language Understanding, ICLR 2020",
        arxiv="1909.11764",
        code="https://github.com/zhuchen03/FreeLB",
        code_licence="MIT (fairseq-RoBERTa), Apache-2.0 (huggingface-transformers)",
        cost="3·ascent_steps: 9",
        deviations=(
            "Paper and released code perturb word embeddings; here the embedding output, after position embeddings and "
            "normalisation, like the other methods of this project.",
            "K counts gradients: the released fairseq task takes --adv-steps + 1 of them (its scripts' 2 are 3 here), "
            "the released Hugging Face script --adv-steps.",
            "The released Hugging Face ALBERT repeats dropout in attention and before the classifier, not after the "
            "attention's projection; the released RoBERTa repeats it unless --no-sync-dp is given. Here all of it "
            "repeats, or none (same_dropout=False).",
            "The start is projected too; the released code projects only after a step. The published settings give "
            "starts inside the ball, so nothing changes for them.",
            "In the released Hugging Face script no limit is --adv-max-norm 0; here it is a large epsilon.",
            "The released code's ℓ∞ variant (norm-type linf) is not offered.",
        ),
    )
    published_settings: ClassVar = {
        "sentiment": {"epsilon": 0.6, "initial_magnitude": 1.0},
        "entailment": {"epsilon": 0.3, "initial_magnitude": 0.1},
    }

    owns: ClassVar = frozenset({"loss", "backward"})

    ascent_steps: int = hyper_parameter(
        3,
        ge=1,
        description="K: perturbed passes, each of which adds to the gradient; the perturbation moves K − 1 times",
        source="released code, fairseq-RoBERTa/launch/FreeLB, mnli and sst: ADV_STEP 2, after a first pass",
    )
    step_size: float = hyper_parameter(
        0.1,
        ge=0,
        description="α: Frobenius norm of one step of ascent, by example",
        source="released code, fairseq-RoBERTa/launch/FreeLB, mnli and sst: ADV_LR 1e-1",
    )
    epsilon: float = hyper_parameter(
        0.3,
        ge=0,
        description="ε: largest Frobenius norm of an example's perturbation",
        source="released code, fairseq-RoBERTa/launch/FreeLB/mnli-fp32-clip.sh: MNORM 3e-1; sst: 6e-1",
    )
    initial_magnitude: float = hyper_parameter(
        0.1,
        ge=0,
        description="bound of the Frobenius norm of an example's initial perturbation",
        source="released code, fairseq-RoBERTa/launch/FreeLB/mnli-fp32-clip.sh: INIT_MAG 1e-1; sst: 1",
    )
    same_dropout: bool = hyper_parameter(
        True,
        description="repeat one dropout mask in all K passes",
        source="released code, fairseq-RoBERTa/fairseq/tasks/sentence_prediction.py: unless --no-sync-dp",
    )

    def step_units(self) -> float:
        """As many forward and full backward passes as steps."""
        return 3.0 * self.ascent_steps

    def backward(self, run: FineTuningRun, model: nn.Module, batch: Batch) -> Tensor:
        """Add the mean gradient over the ascent to the parameters; return the mean loss over the ascent.

        Raises:
            NonFiniteGradientError: the perturbation's gradient is NaN or infinite.
        """
        labels = batch["labels"]
        inputs = without_labels(batch)
        tokens = batch["attention_mask"][:, :, None]
        perturbation = self._random_start(model, tokens)
        first_pass = RandomState(perturbation.device)
        losses = []
        for step in range(self.ascent_steps):
            moves = step + 1 < self.ascent_steps
            perturbation.requires_grad_(moves)
            with (
                first_pass.repeated() if self.same_dropout and step else nullcontext(),
                change_embedding_output(model, _shifted_by(perturbation)),
                run.autocast(),
            ):
                loss = cross_entropy(model(**inputs).logits, labels)
            run.backward(loss / self.ascent_steps)
            losses.append(loss.detach())
            if moves:
                perturbation = self._ascended(perturbation, tokens)
        return torch.stack(losses).mean()

    def _random_start(self, model: nn.Module, tokens: Tensor) -> Tensor:
        """δ₀, (B, L, d). Drawn before the first pass, which the later ones repeat from its beginning."""
        weights = next(model.parameters())
        precision = torch.promote_types(weights.dtype, torch.float32)
        configuration: Any = model.config
        width = int(configuration.hidden_size)
        noise = torch.empty(*tokens.shape[:2], width, dtype=precision, device=weights.device).uniform_(-1, 1)
        entries = tokens.sum(dim=1, keepdim=True) * width
        return self._projected(tokens * noise * self.initial_magnitude / entries.to(precision).sqrt())

    def _ascended(self, perturbation: Tensor, tokens: Tensor) -> Tensor:
        assert perturbation.grad is not None
        gradient = self.ascent_steps * tokens * perturbation.grad  # its pass was weighted by 1/K
        return self._projected(perturbation.detach() + self.step_size * frobenius_normalised(gradient))

    def _projected(self, perturbation: Tensor) -> Tensor:
        shrink = (self.epsilon / frobenius_norm(perturbation).clamp(min=SMALLEST_NORM)).clamp(max=1)
        return perturbation * shrink


def _shifted_by(perturbation: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda states: states + perturbation.to(states.dtype)
