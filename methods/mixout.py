"""Mixout: in every mini-batch, weights are randomly replaced by the pre-trained ones."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from methods.anchor import copied, exchanged, pretrained_parameters
from methods.architecture import unwrap
from methods.base import Batch, Method
from methods.card import Card
from methods.dropout import dropout_probability
from methods.hyper_parameter import hyper_parameter
from methods.named_generator import named_generator
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun


@register("mixout")
class Mixout(Method):
    """Mixout: the loss is taken at a random mixture of the present and the pre-trained weights.

    For the weights w of the base model's linear layers, with u their pre-trained values, every mini-batch sees ::

        w̃ = (m·w + (1 − m)·u − p·u)/(1 − p) = u + m/(1 − p)·(w − u),     m ~ Bernoulli(1 − p)

    so E[w̃] = w. All weights that leave one input neuron share m (``mixout_unit="neuron"``), or each weight has its own.
    The gradient is the exact one, ∂w̃/∂w = m/(1 − p). Mixout stands in for dropout, which is off in the base model; the
    new head, which has no pre-trained weights, keeps its own. Evaluation sees w.

    Loss and backward pass are those of the method it is combined with; all forward passes for one mini-batch see the
    same mixture. It is drawn from the run's seed and the mini-batch's number, so all processes of a data-parallel run
    draw the same one.

    Cost: 3 units a step like vanilla. Memory: a copy of these weights, and two more during a mini-batch.
    """

    owns: ClassVar[frozenset[str]] = frozenset()

    card: ClassVar = Card(
        paper=(
            "Lee et al., Mixout: Effective Regularization to Finetune Large-scale Pretrained Language Models, ICLR 2020"
        ),
        arxiv="1909.11299",
        code="https://github.com/bloodwass/mixout",
        code_licence="MIT",
        cost="3",
        deviations=(
            "The released backward pass multiplies by m alone, without the factor 1/(1 − p) of its own forward pass: "
            "mixout_gradient=released. Under Adam a constant factor makes next to no difference.",
            "The released examples mix every linear layer, a new head with its start too; here the base model's.",
            "The released code draws anew in every call of a layer; here once for a mini-batch, which matters where "
            "blocks are shared (ALBERT) or a method takes several forward passes.",
            "XLNet keeps its attention projections outside linear layers; there the feed-forward layers are mixed.",
        ),
    )

    mixout_probability: float = hyper_parameter(
        0.9,
        ge=0,
        lt=1,
        description="p: probability that a weight is replaced by the pre-trained one",
        source="released code, example.py and example_huggingface.py: 0.9",
    )
    mixout_unit: Literal["neuron", "weight"] = hyper_parameter(
        "neuron",
        description="what is replaced as a whole: all weights that leave an input neuron, or each weight by itself",
        source="paper, introduction (outgoing parameters of a random neuron); released code, mixout.py",
    )
    mixout_gradient: Literal["exact", "released"] = hyper_parameter(
        "exact",
        description="exact: m/(1 − p); released: m",
        source="derivative of the mixture; released code, mixout.py, backward: m",
    )
    mixout_replaces_dropout: bool = hyper_parameter(
        True,
        description="switch the base model's dropout off while training",
        source="released code, example.py and example_huggingface.py: nn.Dropout(0)",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._mixout_target: dict[str, Tensor] = {}
        self._mixout_draws = 0

    def prepare_model(self, model: nn.Module) -> None:
        """Refuse a model in which nothing could be mixed.

        Raises:
            ValueError: the base model has no trainable linear layer.
        """
        super().prepare_model(model)
        if not _linear_weights(model):
            raise ValueError(
                f"{type(unwrap(model)).__name__}: its base model has no trainable linear layer to mix; unfreeze it."
            )

    def prepare(self, run: FineTuningRun) -> None:
        """Copy the pre-trained weights."""
        super().prepare(run)
        self._mixout_target = copied((name, parameter) for name, (parameter, _) in _linear_weights(run.model).items())

    def backward(self, run: FineTuningRun, model: nn.Module, batch: Batch) -> Tensor:
        """The gradient at a random mixture, carried back to the present weights."""
        mixture: dict[str, Tensor] = {}
        generator: torch.Generator | None = None
        with ExitStack() as stack:
            for name, (parameter, input_axis) in _linear_weights(model).items():
                if generator is None:
                    generator = named_generator(parameter.device, run.seed, "mixout", self._mixout_draws)
                kept = self._mixout_draw(parameter, input_axis, generator)
                scaled = kept / (1.0 - self.mixout_probability)
                target = self._mixout_target[name]
                mixture[name] = torch.addcmul(target, scaled, parameter.detach() - target)
                factor = scaled if self.mixout_gradient == "exact" else kept
                hook = parameter.register_hook(partial(torch.mul, factor))  # type: ignore[no-untyped-call]
                stack.callback(hook.remove)
            self._mixout_draws += 1
            if self.mixout_replaces_dropout:
                stack.enter_context(dropout_probability(_base_model(model), 0.0))
            stack.enter_context(exchanged(model, mixture))
            return super().backward(run, model, batch)

    def state_dict(self) -> dict[str, Any]:
        """Pre-trained weights and the number of mixtures drawn."""
        return {**super().state_dict(), "mixout": {"target": self._mixout_target, "mixtures_drawn": self._mixout_draws}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore pre-trained weights and the number of mixtures drawn."""
        super().load_state_dict(state)
        self._mixout_target = dict(state["mixout"]["target"])
        self._mixout_draws = state["mixout"]["mixtures_drawn"]

    def _mixout_draw(self, weight: Tensor, input_axis: int, generator: torch.Generator) -> Tensor:
        """m, of a shape that broadcasts to the weight's."""
        shape = list(weight.shape)
        if self.mixout_unit == "neuron":
            shape = [size if axis == input_axis else 1 for axis, size in enumerate(shape)]
        kept = torch.empty(shape, dtype=weight.dtype, device=weight.device)
        return kept.bernoulli_(1.0 - self.mixout_probability, generator=generator)


def _base_model(model: nn.Module) -> nn.Module:
    inner = unwrap(model)
    base: nn.Module = getattr(inner, "base_model", inner)
    return base


def _linear_weights(model: nn.Module) -> dict[str, tuple[nn.Parameter, int]]:
    """Name → weight of a trainable linear layer of the base model, and the axis of its inputs."""
    from transformers.pytorch_utils import Conv1D

    input_axis = {
        id(module.weight): 0 if isinstance(module, Conv1D) else 1
        for module in _base_model(model).modules()
        if isinstance(module, (torch.nn.Linear, Conv1D))
    }
    return {
        name: (parameter, input_axis[id(parameter)])
        for name, parameter in pretrained_parameters(model).items()
        if id(parameter) in input_axis
    }
