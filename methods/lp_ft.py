"""Linear probing, then fine-tuning: the head is trained alone before anything else moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from methods.architecture import head_parameters
from methods.base import Method
from methods.card import Card
from methods.classification import cross_entropy, without_labels
from methods.dropout import evaluation_mode
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import nn

    from methods.fine_tuning_run import FineTuningRun


@register("lp-ft")
class LpFt(Method):
    """Linear probing, then fine-tuning: the head is trained alone on frozen features, then everything from there.

    With f_ω the pre-trained model and h_v its head::

        first  min over v of CE(h_v(f_ω(x)), y)        then  min over v, ω of CE(h_v(f_ω(x)), y)

    The first stage runs before the first step, without dropout, with AdamW of its own and no schedule or weight decay.
    The head is all that lies outside the pre-trained base model; where that is more than one layer (RoBERTa), all of
    it is trained.

    Cost: 3 units a step like vanilla, and beforehand ``probing_epochs`` passes over the training set (1 unit a step:
    forward; the backward pass stays in the head).
    """

    card: ClassVar = Card(
        paper=(
            "Kumar et al., Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution, ICLR 2022"
        ),
        arxiv="2202.10054",
        code="https://github.com/AnanyaKumar/transfer_learning",
        code_licence="none stated",
        cost="3, and forward passes over the training set beforehand",
        deviations=(
            "The released code fits the head by logistic regression on stored features and chooses its L2 penalty on "
            "validation data (log_reg_sk.py); here the head is trained by AdamW for a set number of epochs.",
            "The released code's own gradient-based probing (SGD with momentum) searches learning rates 3e-3 to 1.",
            "BERT's pooler belongs to the pre-trained model and is frozen while probing.",
        ),
    )

    probing_epochs: int = hyper_parameter(
        5,
        ge=0,
        description="passes over the training set in which the head alone is trained; 0 is vanilla",
        source="this project: the head's loss should settle; the released code fits it by logistic regression",
    )
    probing_learning_rate: float = hyper_parameter(
        1e-3,
        gt=0,
        description="learning rate of the head while it is trained alone",
        source="this project: AdamW's usual rate for a new layer; the released code searches SGD's from 3e-3 to 1",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._probing_losses: list[float] = []

    def prepare_model(self, model: nn.Module) -> None:
        """Refuse a model whose head cannot be found or is frozen."""
        super().prepare_model(model)
        if not _trainable_head(model):
            raise ValueError(f"{type(model).__name__}: its head is frozen, so there is nothing to probe; unfreeze it.")

    def prepare(self, run: FineTuningRun) -> None:
        """Train the head alone, before methods combined with this one look at the model."""
        head = _trainable_head(run.model)
        optimizer = torch.optim.AdamW(head, lr=self.probing_learning_rate, weight_decay=0.0)
        with _only_trainable(run.model, head):
            for _ in range(self.probing_epochs):
                self._probing_losses.append(_probe(run, head, optimizer))
        super().prepare(run)

    def report(self) -> dict[str, Any]:
        """``probing_losses``: mean cross-entropy of each epoch in which the head was trained alone."""
        return {**super().report(), "probing_losses": self._probing_losses}

    def state_dict(self) -> dict[str, Any]:
        """Figures alone: the probed head is part of the model."""
        return {**super().state_dict(), "probing_losses": self._probing_losses}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the figures."""
        super().load_state_dict(state)
        self._probing_losses = list(state["probing_losses"])


def _trainable_head(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in head_parameters(model).values() if parameter.requires_grad]


@contextmanager
def _only_trainable(model: nn.Module, head: list[nn.Parameter]) -> Iterator[None]:
    """Within the context dropout is off and nothing but these parameters requires a gradient."""
    chosen = {id(parameter) for parameter in head}
    frozen = [p for p in model.parameters() if p.requires_grad and id(p) not in chosen]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        with evaluation_mode(model):
            yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)


def _probe(run: FineTuningRun, head: list[nn.Parameter], optimizer: torch.optim.Optimizer) -> float:
    """One epoch; returns its mean loss."""
    losses = []
    for batch in run.training_batches():
        with run.autocast():
            loss = cross_entropy(run.model(**without_labels(batch)).logits, batch["labels"])
        for parameter, gradient in zip(head, torch.autograd.grad(loss, head), strict=True):
            parameter.grad = run.mean_over_processes(gradient)
        optimizer.step()
        losses.append(loss.detach())
    optimizer.zero_grad()
    return float(run.mean_over_processes(torch.stack(losses).mean()))
