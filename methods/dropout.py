"""Switching dropout off, or setting its probability, for a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Within the context the model evaluates, without dropout; afterwards each module is in its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def dropout_probability(module: nn.Module, probability: float) -> Iterator[None]:
    """Within the context everything in the module drops with this probability; afterwards as before.

    Dropout layers are reached, and the numbers that attention modules hand to fused kernels (attributes that are
    floating-point numbers with "dropout" in their name). Layers left out of a model because its configuration says 0
    are not put in.
    """
    before: list[tuple[nn.Module, str, float]] = []
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            before.append((part, "p", part.p))
        else:
            before += [
                (part, name, value)
                for name, value in vars(part).items()
                if "dropout" in name and isinstance(value, float)
            ]
    try:
        for part, name, _ in before:
            setattr(part, name, probability)
        yield
    finally:
        for part, name, value in before:
            setattr(part, name, value)
