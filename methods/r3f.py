"""R3F: predictions that noise in the embeddings leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from methods.architecture import read_embedding_output, replace_embedding_output
from methods.base import Batch
from methods.block_based import BlockBasedMethod
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.divergence import symmetric_kl
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


@register("r3f")
class R3F(BlockBasedMethod):
    """R3F: cross-entropy, and consistency with a prediction from randomly perturbed embeddings.

    With E the embedding output and z ~ U(−σ, σ) or N(0, σ²) by entry, and the mean over the batch::

        CE(f(E), y) + λ·mean SKL(f(E), f(E+z))

    E+z is detached, so the embeddings learn from the clean branch alone. The branches have dropout masks of their own;
    with dropout on, their difference outweighs noise as small as the published one.

    Cost: 6 units against vanilla's 3: two forward and two full backward passes.
    """

    card: ClassVar = Card(
        paper="Aghajanyan et al., Better Fine-Tuning by Reducing Representational Collapse, ICLR 2021",
        arxiv="2008.03156",
        code="https://github.com/facebookresearch/fairseq/tree/main/examples/rxf",
        code_licence="MIT",
        cost="6",
        deviations=(
            "SKL here is ½·(KL + KL), the released code's is KL + KL: consistency_weight=2 is its --r3f-lambda 1.",
            "The released code adds noise to the token embeddings; here to the embedding output.",
            "The released code detaches the noised token embeddings alone, so position embeddings and normalisation "
            "learn from both branches; here from the clean one.",
            "R4F (spectral normalisation of the classification head) is not offered.",
        ),
    )

    consistency_weight: float = hyper_parameter(
        1.0,
        ge=0,
        description="λ: weight of the consistency term",
        source="released code, sentence_prediction_r3f.py: --r3f-lambda 1.0; its README takes 0.7 for RTE",
    )
    noise_scale: float = hyper_parameter(
        1e-5,
        ge=0,
        description="σ: half-width of uniform noise, standard deviation of normal noise",
        source="released code, sentence_prediction_r3f.py: --eps 1e-5",
    )
    noise_distribution: Literal["uniform", "normal"] = hyper_parameter(
        "uniform",
        description="what the noise is drawn from",
        source="released code, sentence_prediction_r3f.py: --noise-type uniform; the paper uses either",
    )

    def step_units(self) -> float:
        """Two forward and two full backward passes."""
        return 6.0

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar."""
        inputs = without_labels(batch)
        with read_embedding_output(model) as embedding_output:
            clean_logits = model(**inputs).logits
        clean = embedding_output.value.detach()
        with replace_embedding_output(model, clean + self._noise(clean)):
            noised_logits = model(**inputs).logits
        consistency = symmetric_kl(clean_logits, noised_logits).mean()
        return cross_entropy(clean_logits, batch["labels"]) + self.consistency_weight * consistency

    def _noise(self, states: Tensor) -> Tensor:
        if self.noise_distribution == "normal":
            return self.noise_scale * torch.randn_like(states)
        return self.noise_scale * (2 * torch.rand_like(states) - 1)
