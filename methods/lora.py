"""Low-rank adaptation: small factors are trained beside frozen weights and merged into them at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from methods.architecture import head_parameters, transformer_blocks
from methods.base import Method
from methods.card import Card
from methods.hyper_parameter import hyper_parameter
from methods.registry import register
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

TARGETS = {
    "albert": ("query", "value"),
    "camembert": ("query", "value"),
    "distilbert": ("q_lin", "v_lin"),
    "modernbert": ("Wqkv",),
    "mpnet": ("q", "v"),
    "xlnet": ("layer_1", "layer_2"),
}
"""Adapted layers by model type, where peft names none. XLNet's attention has bare weights, so its feed-forward."""

SHARE_OF_UNITS = 2 / 3
"""Of a full pass (forward 1, gradient of activations 1, gradient of weights 1), what is left without the last."""


@register("lora")
class Lora(Method):
    """Low-rank factors beside the frozen query and value weights are trained, and merged into them at the end.

    For each adapted weight W (frozen) with factors B (zero at first) and A of rank r::

        h = W·x + (α/r)·B·A·x        objective: CE(f(x), y) over all A, B and the new head

    At the end W becomes W + (α/r)·B·A and the factors go, so the model is an ordinary one again, with its own tensor
    names. Checkpoints during training hold the factors. Adapted are the query and value layers of every transformer
    block; the layer that makes query, key and value at once in GPT-2 and ModernBERT; XLNet's feed-forward layers, since
    its attention weights belong to no layer. Published runs use a learning rate near 5e-4, far above that of full
    fine-tuning. Needs peft.

    Cost: 2 units against vanilla's 3 (forward 1, backward through the activations 1, little for the factors).
    """

    card: ClassVar = Card(
        paper="Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022",
        arxiv="2106.09685",
        code="https://github.com/microsoft/LoRA",
        code_licence="MIT",
        cost="2",
        deviations=(
            "The paper's appendix gives α=8 for RoBERTa on GLUE, the released scripts --lora_alpha 16: lora_alpha=16.",
            "A is Kaiming-uniform, as in the released code and as a linear layer's weight; the paper says Gaussian.",
            "The learning rate is the run's; the released RoBERTa-base scripts use 4e-4 or 5e-4, warm-up over 6 % of "
            "the steps and weight decay 0.1.",
            "The released scripts start MRPC, RTE and STS-B from factors trained on MNLI; here from nothing.",
            "Where query, key and value are one layer (GPT-2, ModernBERT) the factors span all three; the released "
            "GPT-2 adapts query and value only.",
        ),
    )

    lora_rank: int = hyper_parameter(
        8,
        ge=1,
        description="r: rank of the factors",
        source="released code, examples/NLU/roberta_base_*.sh: --lora_r 8",
    )
    lora_alpha: int = hyper_parameter(
        8,
        ge=1,
        description="α: the factors' product is scaled by α/r",
        source="paper, appendix D, as quoted in microsoft/LoRA issue 37; the released scripts have --lora_alpha 16",
    )
    lora_dropout: float = hyper_parameter(
        0.0,
        ge=0,
        lt=1,
        description="dropout of the factors' input",
        source="released code: loralib's default, which its RoBERTa does not change",
    )
    lora_targets: list[str] | None = hyper_parameter(
        None,
        description="names of the layers to adapt within a block; unset: query and value, by model type",
        source="released code, modeling_roberta.py: query and value",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._trained_before: list[nn.Parameter] = []

    def prepare_model(self, model: nn.Module) -> None:
        """Freeze the pre-trained model and add factors to it; what the user froze stays as it is.

        Raises:
            ValueError: peft is missing, the layers to adapt are unknown, or there are none that may be trained.
        """
        super().prepare_model(model)
        try:
            import peft
        except ModuleNotFoundError as error:
            raise ValueError('lora needs peft: pip install "roast-bench[peft]".') from error
        layers = self._layers_to_adapt(model)
        self._trained_before = [parameter for parameter in model.parameters() if parameter.requires_grad]
        trained_head = [parameter for parameter in head_parameters(model).values() if parameter.requires_grad]
        settings = peft.LoraConfig(
            r=self.lora_rank,
            lora_alpha=self.lora_alpha,
            lora_dropout=self.lora_dropout,
            target_modules=list(layers),
            fan_in_fan_out=not any(isinstance(layer, torch.nn.Linear) for layer in layers.values()),
        )
        peft.inject_adapter_in_model(settings, model)
        for parameter in trained_head:
            parameter.requires_grad_(True)
        embeddings: nn.Module = model.base_model.get_input_embeddings()  # type: ignore[operator, union-attr]
        self._hook = embeddings.register_forward_hook(_require_gradient_for_checkpointing(model))

    def finish(self, run: FineTuningRun) -> None:
        """Merge the factors into the weights and put the plain layers back."""
        super().finish(run)
        from peft.tuners.tuners_utils import BaseTunerLayer

        model = run.model
        for name, layer in list(model.named_modules()):
            if isinstance(layer, BaseTunerLayer):
                layer.merge()
                parent, _, child = name.rpartition(".")
                setattr(model.get_submodule(parent), child, layer.get_base_layer())
        del model.peft_config
        for parameter in self._trained_before:
            parameter.requires_grad_(True)
        self._hook.remove()

    def _layers_to_adapt(self, model: nn.Module) -> dict[str, nn.Module]:
        """Trainable layers of the blocks that bear a target's name, by their name in the model."""
        targets = self._targets(model)
        inside = {id(module) for module in transformer_blocks(model).modules()}
        layers = {
            name: module
            for name, module in model.named_modules()
            if id(module) in inside and name.rpartition(".")[2] in targets and _is_trainable_matrix(module)
        }
        if not layers:
            raise ValueError(
                f"{type(model).__name__}: no trainable layer of its blocks is named {' or '.join(targets)}; "
                "set lora_targets."
            )
        return layers

    def _targets(self, model: nn.Module) -> tuple[str, ...]:
        if self.lora_targets is not None:
            return tuple(self.lora_targets)
        from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING

        model_type = getattr(model.config, "model_type", "")
        known = TARGETS.get(model_type) or TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING.get(model_type)
        if known is None or isinstance(known, str):
            raise ValueError(f"{type(model).__name__}: which of its layers to adapt is not known; set lora_targets.")
        return tuple(known)

    def step_units(self) -> float:
        """2 of vanilla's 3: hardly any gradients of weight matrices; of a combination as much less."""
        return SHARE_OF_UNITS * super().step_units()


def _is_trainable_matrix(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.dim() == 2 and weight.requires_grad


def _require_gradient_for_checkpointing(model: nn.Module) -> Callable[..., None]:
    """Hook on the frozen embeddings: reentrant checkpoints pass gradients only where their input requires one."""

    def after_embedding(_: nn.Module, __: Any, output: Tensor) -> None:
        if getattr(model, "is_gradient_checkpointing", False) and torch.is_grad_enabled():
            output.requires_grad_(True)

    return after_embedding
