"""ROSE, first order: in every step, weights that make predictions unstable under dropout stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from methods.architecture import encoder_parameters
from methods.base import Batch, Method
from methods.card import Card
from methods.classification import without_labels
from methods.divergence import symmetric_kl
from methods.dropout import dropout_probability
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("rose")
class Rose(Method):
    """ROSE-First: in every step the weight tensors of highest risk under dropout are not updated.

    For each weight tensor W of the transformer blocks (biases are not among them), with p and q the predictions of two
    passes that drop different units ::

        risk(W) = ‖∇_W Σ SKL(p, q)‖        W is updated only if risk(W) ≤ the upper quantile of all risks

    The others stand still in this step: their gradient is taken away, so that an optimizer passes them over, with its
    moments and its weight decay. What trains the rest is the method this one is combined with; by itself CE.

    The risks are summed over the mini-batches of a step and averaged over processes before they are compared.

    Cost: 9 units a step against vanilla's 3: two passes for the risk 2, their full backward 4, the training pass 3.
    Memory: the risk's gradients beside those of the loss.
    """

    owns: ClassVar[frozenset[str]] = frozenset()

    card: ClassVar = Card(
        paper="Jiang et al., ROSE: Robust Selective Fine-tuning for Pre-trained Language Models, EMNLP 2022",
        arxiv="2210.09658",
        code="https://github.com/jiangllan/ROSE",
        code_licence="none stated",
        cost="9",
        deviations=(
            "The released code trains on the mean CE of the two passes that give the risk; here the training pass is "
            "one of its own, so that any objective can be trained.",
            "Where a tensor stands still, the released Adam keeps its first moment and moves the second one towards "
            "the first one's square; here both stay.",
            "The released code updates everything during warm-up; here selection begins with the first step.",
            "Under gradient accumulation the released code compares the last mini-batch alone and loses the gradients "
            "of those before it; here all count.",
            "The second-order variant and the ensemble are not here.",
        ),
    )
    published_settings: ClassVar = {
        "sentiment": {"rose_upper_quantile": 0.6},
        "entailment": {"rose_upper_quantile": 0.8},
    }

    rose_upper_quantile: float = hyper_parameter(
        0.7,
        ge=0,
        le=1,
        description="quantile of the risks above which a tensor stands still; 1 updates everything",
        source="released code, README, RoBERTa-base: --upper 70 for QNLI and QQP, 60 for SST-2, 80 for RTE",
    )
    rose_lower_quantile: float = hyper_parameter(
        0.0,
        ge=0,
        le=1,
        description="quantile of the risks below which a tensor stands still; 0 for none",
        source="released code, README: lower_thd 0 in every command",
    )
    rose_dropout: float = hyper_parameter(
        0.1,
        gt=0,
        lt=1,
        description="dropout probability in the two passes for the risk",
        source="released code, training_args.py and README: --kl_dropout 0.1",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._rose_risk_gradients: dict[str, Tensor] = {}
        self._rose_step = -1
        self._rose_mean: Callable[[Tensor], Tensor] | None = None

    def prepare_model(self, model: nn.Module) -> None:
        """Refuse a model in which nothing could be selected.

        Raises:
            ValueError: all weights of the transformer blocks are frozen.
        """
        super().prepare_model(model)
        if not _weights(model):
            raise ValueError(f"{type(model).__name__}: its transformer blocks are frozen; leave some trainable.")

    def step_units(self) -> float:
        """6 for the risk: two forwards 2, their full backward 4."""
        return super().step_units() + 6.0

    def backward(self, run: FineTuningRun, model: nn.Module, batch: Batch) -> Tensor:
        """Add this mini-batch to the risk, then leave the objective's gradient in the parameters."""
        if run.step != self._rose_step:  # a step that mixed precision skipped leaves gradients behind
            self._rose_risk_gradients, self._rose_step = {}, run.step
        self._rose_mean = run.mean_over_processes
        weights = _weights(model)
        inputs = without_labels(batch)
        with dropout_probability(model, self.rose_dropout):
            with run.autocast():
                first, second = model(**inputs).logits, model(**inputs).logits
                divergence = symmetric_kl(first, second).sum()
            gradients = torch.autograd.grad(divergence, list(weights.values()), allow_unused=True)
        for name, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                known = self._rose_risk_gradients.get(name)
                self._rose_risk_gradients[name] = gradient if known is None else known + gradient
        return super().backward(run, model, batch)

    def transform_gradients(self, model: nn.Module) -> None:
        """Take the gradient from the tensors of highest risk."""
        super().transform_gradients(model)
        if not self._rose_risk_gradients or self._rose_mean is None:
            return
        risks = torch.stack([self._rose_mean(g).float().norm() for g in self._rose_risk_gradients.values()])
        low, high = self.rose_lower_quantile, self.rose_upper_quantile
        lower, upper = torch.quantile(risks, torch.tensor([low, high], device=risks.device))
        updated = ((risks >= lower) & (risks <= upper)).tolist()
        still = {name for name, moves in zip(self._rose_risk_gradients, updated, strict=True) if not moves}
        for name, parameter in model.named_parameters():
            if name in still:
                parameter.grad = None
        self._rose_risk_gradients = {}


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: p for name, p in encoder_parameters(model).items() if "bias" not in name.rsplit(".", 1)[-1]}
