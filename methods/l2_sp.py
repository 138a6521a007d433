"""L2-SP: a penalty on the distance to the starting point of fine-tuning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from methods.anchor import copied, pretrained_parameters
from methods.architecture import head_parameters
from methods.base import Method
from methods.card import Card
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("l2-sp")
class StartingPointPenalty(Method):
    """L2-SP: cross-entropy with a squared penalty on the distance to the pre-trained weights.

    With w the pre-trained weights, w⁰ their values at the start and v the weights of the new head, the objective is ::

        CE + α/2·‖w − w⁰‖² + β/2·‖v‖²

    The penalty's gradient, α·(w − w⁰) and β·v, is added to the gradients once in each step of the optimizer, after
    gradient accumulation and clipping. Parameters without a gradient stay as they are.

    The Trainer's own weight decay pulls towards zero beside it; the paper has none (``weight_decay=0``).

    Cost: 3 units a step like vanilla. Memory: a copy of the pre-trained weights.
    """

    card: ClassVar = Card(
        paper="Li et al., Explicit Inductive Bias for Transfer Learning with Convolutional Networks, ICML 2018",
        arxiv="1802.01483",
        code="https://github.com/holyseven/TransferLearningClassification",
        code_licence="MIT",
        cost="3",
        deviations=(
            "Published for convolutional networks and momentum; here the optimizer is the Trainer's. Under Adam the "
            "penalty goes through the moments.",
            "The released code recognises weights by their name; here they are the parameters with two or more "
            "dimensions (embeddings included), or all: l2_sp_scope=all.",
            "The reported training loss is without the penalty.",
        ),
    )

    l2_sp_alpha: float = hyper_parameter(
        0.1,
        ge=0,
        description="α: strength of the penalty on pre-trained weights",
        source="released code, train.sh: --weight_decay_rate 0.1 (run_exp.py itself: 0.01)",
    )
    l2_sp_beta: float = hyper_parameter(
        0.01,
        ge=0,
        description="β: strength of the penalty on the head's weights",
        source="released code, train.sh and run_exp.py: --weight_decay_rate2 0.01",
    )
    l2_sp_scope: Literal["weights", "all"] = hyper_parameter(
        "weights",
        description="weights: without biases and normalisation; all: every parameter",
        source="released code, network_base.py: --weight_decay_mode 1 takes weights alone, 101 takes all",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._l2_sp_start: dict[str, Tensor] = {}

    def prepare_model(self, model: nn.Module) -> None:
        """Refuse a model without a head.

        Raises:
            ValueError: the head cannot be located outside the base model.
        """
        super().prepare_model(model)
        head_parameters(model)

    def prepare(self, run: FineTuningRun) -> None:
        """Copy the pre-trained weights."""
        super().prepare(run)
        self._l2_sp_start = copied(
            (name, parameter)
            for name, parameter in pretrained_parameters(run.model).items()
            if self._l2_sp_penalises(parameter)
        )

    def transform_gradients(self, model: nn.Module) -> None:
        """Add the penalty's gradient in place."""
        super().transform_gradients(model)
        head = head_parameters(model)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.grad is None or not self._l2_sp_penalises(parameter):
                    continue
                if name in self._l2_sp_start:
                    parameter.grad.add_(parameter - self._l2_sp_start[name], alpha=self.l2_sp_alpha)
                elif name in head:
                    parameter.grad.add_(parameter, alpha=self.l2_sp_beta)

    def state_dict(self) -> dict[str, Any]:
        """The pre-trained weights."""
        return {**super().state_dict(), "l2_sp": self._l2_sp_start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the pre-trained weights."""
        super().load_state_dict(state)
        self._l2_sp_start = dict(state["l2_sp"])

    def _l2_sp_penalises(self, parameter: Tensor) -> bool:
        return self.l2_sp_scope == "all" or parameter.dim() >= 2
