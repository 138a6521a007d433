"""Adversarial training on embeddings with projected gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from methods.architecture import read_embedding_output, replace_embedding_output
from methods.ascent import maximum_normalised
from methods.base import Batch
from methods.block_based import BlockBasedMethod
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


@register("advembed")
class AdvEmbed(BlockBasedMethod):
    """Adversarial training: cross-entropy on clean embeddings and on ones that K steps of PGD made worse.

    With E the embedding output and δ₀ ~ U(0,1)·initial_noise, each of the K steps takes g = ∇_δ CE(f(E+δ), y) and sets
    δ ← clip(δ + α·g/(max over d of |g| + 1e-8), −ε, ε), by entry. The objective is ::

        ½·CE(f(E), y) + ½·CE(f(E+δ), y)

    δ is a constant in it, E is not: the embeddings learn from both branches.

    Cost: 6 + 2K units against vanilla's 3, so 8 for K = 1: clean and perturbed forward 2, full backward of both 4, and
    for each step one forward and one backward to the embedding output.
    """

    card: ClassVar = Card(
        paper="Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018",
        arxiv="1706.06083",
        code="https://github.com/MadryLab/mnist_challenge",
        code_licence="MIT",
        cost="6 + 2·ascent_steps: 8",
        deviations=(
            "The paper perturbs the pixels of images; here the embedding output of texts, as a baseline of RoAST does.",
            "The released code steps by the gradient's sign; here each token's gradient is divided by its largest "
            "entry, which keeps the proportions within a token.",
            "The released code starts anywhere in the ε-ball and takes 40 steps of 0.01 (MNIST, ε = 0.3) or 10 of 2 "
            "(CIFAR-10, ε = 8); here one step from near zero, which ascent_steps, step_size and initial_noise change.",
            "The paper trains on adversarial examples alone; here the clean ones count as much.",
        ),
    )

    epsilon: float = hyper_parameter(
        0.1,
        ge=0,
        description="ε: largest absolute entry of the perturbation",
        source="this project: RoAST's size of perturbation, so that the two compare (its README: --adv_eps 1e-1)",
    )
    step_size: float = hyper_parameter(
        0.1, ge=0, description="α: size of one step of ascent", source="this project: the single step may use all of ε"
    )
    ascent_steps: int = hyper_parameter(
        1, ge=1, description="K: steps of ascent", source="this project: as many as RoAST takes"
    )
    initial_noise: float = hyper_parameter(
        1e-5,
        ge=0,
        description="width of the uniform initial noise δ₀",
        source="this project: RoAST's (its released code, utils.py, generate_noise)",
    )

    def step_units(self) -> float:
        """Clean and perturbed forward and their full backward 6; each step of ascent a forward and a backward to E."""
        return 6.0 + 2.0 * self.ascent_steps

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar.

        Raises:
            NonFiniteGradientError: the perturbation's gradient is NaN or infinite.
        """
        labels = batch["labels"]
        inputs = without_labels(batch)
        with read_embedding_output(model) as embedding_output:
            clean_logits = model(**inputs).logits

        perturbation = self._ascend(model, inputs, labels, embedding_output.value.detach())
        with replace_embedding_output(model, embedding_output.value + perturbation):
            perturbed_logits = model(**inputs).logits
        return 0.5 * cross_entropy(clean_logits, labels) + 0.5 * cross_entropy(perturbed_logits, labels)

    def _ascend(self, model: nn.Module, inputs: Batch, labels: Tensor, clean: Tensor) -> Tensor:
        """δ, a constant, (B, L, d)."""
        perturbation = self.initial_noise * torch.rand_like(clean)
        for _ in range(self.ascent_steps):
            perturbation.requires_grad_()
            with replace_embedding_output(model, clean + perturbation):
                loss = cross_entropy(model(**inputs).logits, labels)
            (gradient,) = torch.autograd.grad(loss, perturbation)
            moved = perturbation.detach() + self.step_size * maximum_normalised(gradient)
            perturbation = moved.clamp(-self.epsilon, self.epsilon)
        return perturbation
