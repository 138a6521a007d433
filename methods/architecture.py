"""Where the parts of a Hugging Face sequence classifier are.

States are (B, L, d) throughout, also where an architecture keeps its sequence first (XLNet).

The perturbation of adversarial methods enters at the embedding output, which is the input of the first transformer
block, whatever the architecture does before it (position and type embeddings, normalisation, dropout, projection).
"Encoder parameters" are those of the transformer blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALLEST_SHARE_OF_BLOCKS = 0.75
"""Share of the base model's parameters, embeddings aside, that the blocks must hold to be recognised as such."""

LAST_POSITION_CLASSIFIED = ("xlnet",)
"""Model types whose head reads the last position, whatever stands there."""

AUXILIARY_NETWORKS = "auxiliary_networks"
"""Child of a classifier under which methods keep networks of their own while it is trained; no part of its head."""

SEQUENCE_FIRST = ("xlnet",)
"""Model types whose blocks pass states as (L, B, d)."""


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside data-parallel and compilation wrappers."""
    from accelerate.utils import extract_model_from_parallel

    inner: nn.Module = extract_model_from_parallel(model)
    return inner


def transformer_blocks(model: nn.Module) -> nn.ModuleList:
    """The list of transformer blocks of an encoder or decoder-only classifier, first block first.

    Recognised as the module list with the most parameters in the base model; shared blocks (ALBERT) count once.

    Raises:
        ValueError: the blocks cannot be located, or the model has an encoder and a decoder.
    """
    inner = unwrap(model)
    name = type(inner).__name__
    if getattr(getattr(inner, "config", None), "is_encoder_decoder", False):
        raise ValueError(f"{name}: encoder-decoder models are not supported; use an encoder or a decoder alone.")
    base: nn.Module = getattr(inner, "base_model", inner)
    lists = [module for module in base.modules() if isinstance(module, torch.nn.ModuleList) and len(module)]
    best = max(lists, key=_size, default=None)
    embeddings = {
        parameter
        for module in base.modules()
        if isinstance(module, torch.nn.Embedding)
        for parameter in module.parameters()
    }
    body = sum(parameter.numel() for parameter in base.parameters() if parameter not in embeddings)
    if best is None or _size(best) < SMALLEST_SHARE_OF_BLOCKS * body:
        raise ValueError(
            f"{name}: its transformer blocks cannot be located; expected a list of blocks in {type(base).__name__}."
        )
    return best


def encoder_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Trainable parameters of the transformer blocks, by their name in the (unwrapped) model."""
    inner = unwrap(model)
    inside = {id(parameter) for parameter in transformer_blocks(inner).parameters()}
    return {
        name: parameter
        for name, parameter in inner.named_parameters()
        if id(parameter) in inside and parameter.requires_grad
    }


def layers_of_parameters(model: nn.Module) -> dict[str, int]:
    """Parameters of the transformer blocks, by their name in the (unwrapped) model → index of their block.

    Raises:
        ValueError: the blocks cannot be located.
    """
    inner = unwrap(model)
    block_of = {
        id(parameter): index
        for index, block in enumerate(transformer_blocks(inner))
        for parameter in block.parameters()
    }
    return {name: block_of[id(parameter)] for name, parameter in inner.named_parameters() if id(parameter) in block_of}


def head_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters of the classification head (all outside the pre-trained base model), by their name in the model.

    Raises:
        ValueError: the model is no Hugging Face classifier with a base model and a head.
    """
    inner = unwrap(model)
    base: nn.Module = getattr(inner, "base_model", inner)
    inside = {id(parameter) for parameter in base.parameters()}
    head = {
        name: parameter
        for name, parameter in inner.named_parameters()
        if id(parameter) not in inside and not name.startswith(f"{AUXILIARY_NETWORKS}.")
    }
    if not head:
        raise ValueError(f"{type(inner).__name__}: its classification head cannot be located outside its base model.")
    return head


def output_layer(model: nn.Module) -> nn.Linear:
    """The linear layer that gives the logits.

    Raises:
        ValueError: there is not exactly one linear layer with as many outputs as labels in the head.
    """
    inner = unwrap(model)
    head = head_parameters(inner)
    labels = getattr(getattr(inner, "config", None), "num_labels", None)
    found = [
        module
        for name, module in inner.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == labels and f"{name}.weight" in head
    ]
    if len(found) != 1:
        raise ValueError(f"{type(inner).__name__}: the linear layer that gives its logits cannot be located.")
    return found[0]


def classified_tokens(model: nn.Module, attention_mask: Tensor) -> Tensor:
    """Position of the token whose final state the head classifies.

    That is the first position for encoders, the last one for XLNet (which pads on the left), and the last token that is
    not padding for classifiers with a ``score`` head, such as GPT-2.

    Args:
        model: a sequence classifier.
        attention_mask: (B, L), 1 at tokens, 0 at padding.

    Returns:
        (B,), int64.
    """
    inner = unwrap(model)
    length = attention_mask.shape[1]
    positions = torch.arange(length, device=attention_mask.device)
    if _model_type(inner) in LAST_POSITION_CLASSIFIED:
        return torch.full_like(attention_mask[:, 0], length - 1)
    if hasattr(inner, "score"):
        return (positions * attention_mask).argmax(dim=1)
    return torch.zeros_like(attention_mask[:, 0])


def classified_states(model: nn.Module, states: Tensor, attention_mask: Tensor) -> Tensor:
    """States of the `classified_tokens`: (B, L, d) → (B, d)."""
    positions = classified_tokens(model, attention_mask)
    return states[torch.arange(len(positions), device=positions.device), positions]


class States:
    """States (B, L, d) seen during one forward pass."""

    value: Tensor


@contextmanager
def read_embedding_output(model: nn.Module) -> Iterator[States]:
    """Within the context, the next forward pass leaves its embedding output in ``value``, part of the graph.

    Where the embeddings are frozen the value is made a leaf that requires a gradient, so that one can be taken.
    """
    seen = States()

    def hook(states: Tensor) -> Tensor:
        if torch.is_grad_enabled() and not states.requires_grad:
            states = states.detach().requires_grad_()
        seen.value = states
        return states

    with _on_first_block(model, hook):
        yield seen


@contextmanager
def replace_embedding_output(model: nn.Module, value: Tensor) -> Iterator[None]:
    """Within the context, the next forward pass continues from ``value`` (B, L, d) instead of its own embeddings."""

    def hook(states: Tensor) -> Tensor:
        if states.shape != value.shape:
            raise ValueError(f"embedding output has shape {tuple(states.shape)}, not {tuple(value.shape)}.")
        return value

    with _on_first_block(model, hook):
        yield


@contextmanager
def change_embedding_output(model: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within the context, the next forward pass continues from ``change(embedding output)``, part of the graph."""
    with _on_first_block(model, change):
        yield


@contextmanager
def read_final_states(model: nn.Module) -> Iterator[States]:
    """Within the context, the next forward pass leaves the last block's output in ``value``, part of the graph."""
    seen = States()
    batch_first = _keeps_batch_first(model)

    def after_block(_: nn.Module, __: Any, output: Any) -> Any:  # a shared block is called again: the last call stays
        states, *rest = (output,) if isinstance(output, torch.Tensor) else output
        seen.value = states if batch_first else states.transpose(0, 1)
        passed_on = seen.value if batch_first else seen.value.transpose(0, 1)
        return passed_on if isinstance(output, torch.Tensor) else (passed_on, *rest)

    handle = transformer_blocks(model)[-1].register_forward_hook(after_block)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def _on_first_block(model: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    calls = 0
    batch_first = _keeps_batch_first(model)

    def changed(states: Tensor) -> Tensor:
        if states.dim() != 3:
            raise ValueError(
                f"the embedding output has {states.dim()} dimensions, not 3 (texts, tokens, width); "
                'load the model with attn_implementation="sdpa", which does not unpad.'
            )
        if batch_first:
            return change(states)
        return change(states.transpose(0, 1)).transpose(0, 1)

    if getattr(unwrap(model), "is_gradient_checkpointing", False):
        raise ValueError("the embedding output cannot be reached under gradient checkpointing; switch that off.")

    def before_block(_: nn.Module, positional: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:  # a block shared between layers is entered again further up
            return None
        if positional:
            return (changed(positional[0]), *positional[1:]), keywords
        return positional, {**keywords, "hidden_states": changed(keywords["hidden_states"])}

    handle = transformer_blocks(model)[0].register_forward_pre_hook(before_block, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _keeps_batch_first(model: nn.Module) -> bool:
    return _model_type(unwrap(model)) not in SEQUENCE_FIRST


def _model_type(model: nn.Module) -> str:
    return str(getattr(getattr(model, "config", None), "model_type", ""))


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
