"""Child-Tuning driven by the task: only the parameters with the largest Fisher information get gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from methods.architecture import encoder_parameters, layers_of_parameters
from methods.base import Method
from methods.card import Card
from methods.child_tuning import ARXIV, CODE, CODE_LICENCE, DECAY, PAPER
from methods.hyper_parameter import hyper_parameter
from methods.importance import Importance, gradients_of_plain_training
from methods.kept_fraction import kept_fraction, kept_fraction_by_layer
from methods.registry import register
from methods.relative_rank import RelativeRank

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("childtuning-d")
class ChildTuningD(Method):
    """Child-Tuning-D: cross-entropy with gradients of the parameters of largest Fisher information alone.

    For parameters θ of the transformer blocks, with g the gradient of the mean cross-entropy of a mini-batch ::

        F(θ) = (1/N)·Σ over N mini-batches of g_θ²        g ← g·m,   m(θ) = 1 for the top share p by F, else 0

    F comes from one pass over the training set before the first step, dropout on, with the true labels; the mask then
    stays. Gradients are not rescaled. Embeddings, pooler and head always learn. The mask is applied after gradient
    accumulation; weight decay acts everywhere.

    Cost: 3 units a step like vanilla, and one extra pass over the training set (3 units a step) before the first step.
    Memory: F in single precision during that pass, then one byte for each parameter of the blocks.
    """

    card: ClassVar = Card(
        paper=PAPER,
        arxiv=ARXIV,
        code=CODE,
        code_licence=CODE_LICENCE,
        cost="3, and one pass over the training set beforehand",
        deviations=(
            DECAY,
            "The paper's F is a mean over examples; here, as in the released code, a mini-batch's gradient is squared.",
            "The released code clips each tensor's gradient to norm 1 before squaring it: fisher_clip_norm=1.",
            "The threshold comes from ranks that are exact to 1e-4; the released code takes a percentile.",
        ),
    )

    reserve_fraction: float = hyper_parameter(
        0.3,
        gt=0,
        le=1,
        description="p: share of the blocks' parameters that learn",
        source="released code, run.sh: --reserve_p 0.3",
    )
    fisher_clip_norm: float = hyper_parameter(
        0.0,
        ge=0,
        description="largest norm of one tensor's gradient in the Fisher information; 0 does not clip",
        source="definition of the Fisher information, without clipping; released code: --max_grad_norm, 1.0",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._child_network: dict[str, Tensor] = {}
        self._layers: dict[str, int] = {}

    def prepare(self, run: FineTuningRun) -> None:
        """Estimate the Fisher information over the training set and choose the child network.

        Raises:
            ValueError: all transformer blocks are frozen.
        """
        super().prepare(run)
        parameters = encoder_parameters(run.model)
        if not parameters:
            raise ValueError(f"{type(run.model).__name__}: its transformer blocks are frozen; leave some trainable.")
        fisher = Importance()
        for gradients in gradients_of_plain_training(run, parameters):
            fisher.add({name: _clipped(gradient, self.fisher_clip_norm) for name, gradient in gradients.items()})
        fisher.average_over_processes(run.mean_over_processes)
        information = fisher.mean()
        rank = RelativeRank(list(information.values()))
        self._child_network = {
            name: rank(values) >= 1.0 - self.reserve_fraction for name, values in information.items()
        }
        self._layers = {
            name: layer for name, layer in layers_of_parameters(run.model).items() if name in self._child_network
        }

    def transform_gradients(self, model: nn.Module) -> None:
        """Zero the gradients outside the child network, in place."""
        super().transform_gradients(model)
        for name, parameter in model.named_parameters():
            if name in self._child_network and parameter.grad is not None:
                parameter.grad.mul_(self._child_network[name])

    def report(self) -> dict[str, Any]:
        """What the one mask keeps; None and nothing before training.

        ``child_fraction``: share of the blocks' parameters in the child network; ``kept_fraction_by_layer``: the same
        of each transformer block.
        """
        network = self._child_network
        return {
            **super().report(),
            "child_fraction": kept_fraction(network) if network else None,
            "kept_fraction_by_layer": [kept_fraction_by_layer(network, self._layers)] if network else [],
        }

    def state_dict(self) -> dict[str, Any]:
        """The child network, as a mask for each parameter of the blocks, and which block that is."""
        return {
            **super().state_dict(),
            "childtuning_d": self._child_network,
            "childtuning_d_layers": self._layers,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the child network."""
        super().load_state_dict(state)
        self._child_network = dict(state["childtuning_d"])
        self._layers = dict(state["childtuning_d_layers"])


def _clipped(gradient: Tensor, largest_norm: float) -> Tensor:
    if not largest_norm:
        return gradient
    shrinkage: Tensor = (largest_norm / (gradient.norm() + 1e-6)).clamp(max=1.0)
    return gradient * shrinkage
