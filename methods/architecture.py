"""Where the parts of a Hugging Face sequence classifier are.

The perturbation of adversarial methods enters at the embedding output, which is the input of the first transformer
block, whatever the architecture does before it (position and type embeddings, normalisation, dropout, projection).
"Encoder parameters" are those of the transformer blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALLEST_SHARE_OF_BLOCKS = 0.75
"""Share of the base model's parameters, embeddings aside, that the blocks must hold to be recognised as such."""


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


class EmbeddingOutput:
    """The embedding output (B, L, d) seen during one forward pass."""

    value: Tensor


@contextmanager
def read_embedding_output(model: nn.Module) -> Iterator[EmbeddingOutput]:
    """Within the context, the next forward pass leaves its embedding output in ``value``, part of the graph.

    Where the embeddings are frozen the value is made a leaf that requires a gradient, so that one can be taken.
    """
    seen = EmbeddingOutput()

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
def _on_first_block(model: nn.Module, change: Any) -> Iterator[None]:
    calls = 0
    if getattr(unwrap(model), "is_gradient_checkpointing", False):
        raise ValueError("the embedding output cannot be reached under gradient checkpointing; switch that off.")

    def before_block(_: nn.Module, positional: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:  # a block shared between layers is entered again further up
            return None
        if positional:
            return (change(positional[0]), *positional[1:]), keywords
        return positional, {**keywords, "hidden_states": change(keywords["hidden_states"])}

    handle = transformer_blocks(model)[0].register_forward_pre_hook(before_block, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
