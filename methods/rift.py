"""RIFT: adversarial fine-tuning that keeps what the pre-trained model's features tell about each text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from methods.anchor import copied
from methods.architecture import (
    AUXILIARY_NETWORKS,
    classified_states,
    read_embedding_output,
    read_final_states,
    replace_embedding_output,
    unwrap,
)
from methods.ascent import maximum_normalised
from methods.base import Batch
from methods.block_based import BlockBasedMethod
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.contrastive import attach_network, attached_network, detach_network, info_nce
from methods.divergence import kl
from methods.dropout import evaluation_mode
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

PROJECTIONS = "rift_projections"
"""Name under which the projections are part of the model while it is trained."""

HIDDEN_SHARE, PROJECTED_SHARE = 2 / 3, 1 / 3
"""Widths of a projection's two layers as shares of the model's: 512 and 256 of 768, as in the released code."""


@register("rift")
class Rift(BlockBasedMethod):
    """Adversarial training that keeps each text's features recognisable to the frozen pre-trained model.

    With E the embedding output, g = ∇_E CE(f(E), y), x̃ the text with E + ε·g/(max over d of |g| + 1e-8) per token,
    s its final state of the classified token and t that of the pre-trained model on the clean text, the objective is ::

        released:     CE(f(x), y) + β·mean KL(f(x)‖f(x̃)) + α·InfoNCE(s, t | y)
        adversarial:  CE(f(x̃), y)                       + α·InfoNCE(s, t | y)

        InfoNCE(s, t | y) = −mean over i of log( exp(c(s_i, t_i)/τ) / Σ_j exp(c(s_j, t_i)/τ) ),  j with y_j = y_i

    where c is the cosine of projections, two-layer networks of each class's own on either side, trained along and taken
    out of the model afterwards. α is ``contrast_weight``, β ``consistency_weight``, τ ``contrast_temperature``. The
    pre-trained model runs without dropout; a copy of its weights is part of every checkpoint.

    Cost: 8 units against vanilla's 3 (clean, perturbed and pre-trained forward 3, backward to the embedding output 1,
    full backward of two branches 4); 6 with the adversarial objective, which has one branch.
    """

    card: ClassVar = Card(
        paper=(
            "Dong et al., How Should Pre-Trained Language Models Be Fine-Tuned Towards Adversarial Robustness?, "
            "NeurIPS 2021"
        ),
        arxiv="2112.11668",
        code="https://github.com/dongxinshuai/RIFT-NeurIPS2021",
        code_licence="MIT",
        cost="8 (6 with objective=adversarial)",
        deviations=(
            "Published adversarial texts are mixtures of synonyms' embeddings, found by 10 steps up the KL divergence "
            "with dropout off (ASCC); here one step up the clean branch's cross-entropy moves the embedding output.",
            "The released commands train with clean cross-entropy and KL (--weight_adv is 0): objective=released, the "
            "default; cross-entropy on the adversarial branch instead: objective=adversarial.",
            "Features are the classified token's final states; the released code takes BERT's pooler output.",
            "The released code draws as many texts of every class into each batch and averages over classes; here "
            "batches are ordinary ones and the average is over texts, which is the same where classes are as frequent.",
            "The released code runs the adversarial branch anew for the contrast; here its logits and features come "
            "from one forward pass, with one dropout mask.",
            "The released projections have widths 512 and 256, for models 768 wide; here they are two thirds and one "
            "third of the model's width.",
            "The released classifier is a two-layer network of its own; here it is the model's head.",
        ),
    )
    published_settings: ClassVar = {
        "sentiment": {"consistency_weight": 10.0, "contrast_weight": 0.1},
        "entailment": {"consistency_weight": 5.0, "contrast_weight": 0.7},
    }

    epsilon: float = hyper_parameter(
        0.1,
        ge=0,
        description="ε: size of the perturbation",
        source="this project: as RoAST's, the published perturbation being one of words",
    )
    consistency_weight: float = hyper_parameter(
        10.0,
        ge=0,
        description="β: weight of the KL divergence from the clean to the adversarial prediction",
        source="released code, rift_train.sh: --weight_kl 10 for IMDB, 5 for SNLI",
    )
    contrast_weight: float = hyper_parameter(
        0.1,
        ge=0,
        description="α: weight of the contrastive term",
        source="released code, rift_train.sh: --weight_mi_giveny_adv 0.1 for IMDB, 0.7 for SNLI",
    )
    contrast_temperature: float = hyper_parameter(
        0.2,
        gt=0,
        description="τ: temperature of the contrastive term",
        source="released code, opts.py: --infonce_temperature 0.2",
    )
    objective: Literal["released", "adversarial"] = hyper_parameter(
        "released",
        description="clean cross-entropy and KL divergence, or cross-entropy on the adversarial branch alone",
        source="released code, rift_train.sh: --weight_clean 1, --weight_adv left at 0",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pretrained: dict[str, Tensor] = {}

    def prepare_model(self, model: nn.Module) -> None:
        """Give the model the projections to train.

        Raises:
            ValueError: the model's blocks cannot be located.
        """
        super().prepare_model(model)
        config: Any = unwrap(model).config
        width, classes = int(config.hidden_size), int(config.num_labels)

        hidden, projected = round(width * HIDDEN_SHARE), round(width * PROJECTED_SHARE)

        def projection() -> nn.Module:
            return torch.nn.Sequential(
                torch.nn.Linear(width, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, projected)
            )

        def projections() -> nn.Module:
            pairs = ({"fine_tuned": projection(), "pretrained": projection()} for _ in range(classes))
            return torch.nn.ModuleList(torch.nn.ModuleDict(pair) for pair in pairs)

        attach_network(model, PROJECTIONS, projections)

    def prepare(self, run: FineTuningRun) -> None:
        """Keep the pre-trained weights."""
        super().prepare(run)
        auxiliary = f"{AUXILIARY_NETWORKS}."
        self._pretrained = copied(
            (name, parameter) for name, parameter in run.model.named_parameters() if not name.startswith(auxiliary)
        )

    def step_units(self) -> float:
        """Three forwards 3, backward to the embedding output 1, full backward of two branches 4 or of one 2."""
        return 8.0 if self.objective == "released" else 6.0

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar.

        Raises:
            NonFiniteGradientError: the perturbation's gradient is NaN or infinite.
        """
        labels = batch["labels"]
        inputs = without_labels(batch)
        with read_embedding_output(model) as embedding_output:
            clean_logits = model(**inputs).logits
        clean_loss = cross_entropy(clean_logits, labels)
        (gradient,) = torch.autograd.grad(clean_loss, embedding_output.value, retain_graph=self.objective == "released")
        # The perturbation is a constant, the embeddings under it are not: they learn from both branches.
        perturbed = embedding_output.value + self.epsilon * maximum_normalised(gradient)
        with replace_embedding_output(model, perturbed), read_final_states(model) as states:
            adversarial_logits = model(**inputs).logits

        if self.objective == "released":
            task_loss = clean_loss + self.consistency_weight * kl(clean_logits, adversarial_logits).mean()
        else:
            task_loss = cross_entropy(adversarial_logits, labels)
        mask = batch["attention_mask"]
        features = classified_states(model, states.value, mask)
        pretrained_features = classified_states(model, self._pretrained_states(model, inputs), mask)
        contrast = self._contrast(model, features, pretrained_features, labels)
        return task_loss + self.contrast_weight * contrast

    def finish(self, run: FineTuningRun) -> None:
        """Take the projections out of the model and forget the pre-trained weights."""
        super().finish(run)
        detach_network(run.model, PROJECTIONS)
        self._pretrained = {}

    def state_dict(self) -> dict[str, Any]:
        """The pre-trained weights."""
        return {**super().state_dict(), "rift_pretrained": self._pretrained}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the pre-trained weights."""
        super().load_state_dict(state)
        self._pretrained = dict(state["rift_pretrained"])

    def _pretrained_states(self, model: nn.Module, inputs: Batch) -> Tensor:
        """Final states (B, L, d) of the pre-trained model on the clean texts."""
        inner = unwrap(model)
        with torch.no_grad(), evaluation_mode(inner), read_final_states(inner) as states:
            torch.func.functional_call(inner, self._pretrained, kwargs=inputs)
        return states.value

    def _contrast(self, model: nn.Module, features: Tensor, pretrained_features: Tensor, labels: Tensor) -> Tensor:
        """InfoNCE among the texts of each class, averaged over texts; features (B, d)."""
        projections = attached_network(model, PROJECTIONS)
        precision = torch.promote_types(features.dtype, torch.float32)
        losses = []
        for label in sorted(set(labels.tolist())):
            members = labels == label
            candidates = projections[label]["fine_tuned"](features[members]).to(precision)
            anchors = projections[label]["pretrained"](pretrained_features[members]).to(precision)
            cosines = torch.nn.functional.cosine_similarity(anchors[:, None], candidates[None], dim=-1)
            losses.append(info_nce(cosines / self.contrast_temperature) * members.sum())
        return torch.stack(losses).sum() / len(labels)
