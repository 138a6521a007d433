"""Copies of weights as they were at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from methods.architecture import unwrap
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn


def pretrained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Trainable parameters of the pre-trained base model, by name; those of the new head are not among them."""
    inner = unwrap(model)
    base: nn.Module = getattr(inner, "base_model", inner)
    inside = {id(parameter) for parameter in base.parameters()}
    return {
        name: parameter
        for name, parameter in inner.named_parameters()
        if id(parameter) in inside and parameter.requires_grad
    }


def copied(parameters: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Name → a copy of the parameter's present value, apart from any graph."""
    return {name: parameter.detach().clone() for name, parameter in parameters}


@contextmanager
def exchanged(model: nn.Module, weights: dict[str, Tensor]) -> Iterator[None]:
    """Within the context the model's parameters of these names have these values; afterwards their own again."""
    parameters = {name: parameter for name, parameter in unwrap(model).named_parameters() if name in weights}
    own = copied(parameters.items())
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])
    try:
        yield
    finally:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(own[name])
