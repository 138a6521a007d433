"""Contrastive estimates of mutual information, and the small networks that are trained to make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from methods.architecture import AUXILIARY_NETWORKS, unwrap
from methods.torch_on_use import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn


def info_nce(scores: Tensor) -> Tensor:
    """InfoNCE loss: mean of −log(exp s_ii / Σ_j exp s_ij), a scalar.

    The mutual information of the two sides is at least log(n) minus this. Computed in single precision at least.

    Args:
        scores: (n, n), of anchor i with candidate j; the candidate of the same index is the positive one, the others
            are the negatives.
    """
    precision = torch.promote_types(scores.dtype, torch.float32)
    positives = torch.arange(scores.shape[0], device=scores.device)
    return torch.nn.functional.cross_entropy(scores.to(precision), positives)


def attach_network(model: nn.Module, name: str, build: Callable[[], nn.Module]) -> None:
    """Make a network part of the model, so that the optimizer trains it and checkpoints hold it.

    Args:
        model: gets the network beside its pre-trained base model and its head.
        name: for `attached_network`; a network that has it already is replaced.
        build: makes the network; its parameters come on the model's device, in the model's precision.
    """
    inner = unwrap(model)
    parameter = next(inner.parameters())
    with torch.device(parameter.device):
        network = build().to(parameter.dtype)
    if not hasattr(inner, AUXILIARY_NETWORKS):
        inner.add_module(AUXILIARY_NETWORKS, torch.nn.ModuleDict())
    getattr(inner, AUXILIARY_NETWORKS)[name] = network


def attached_network(model: nn.Module, name: str) -> Any:
    """The network attached to the model under that name."""
    return getattr(unwrap(model), AUXILIARY_NETWORKS)[name]


def detach_network(model: nn.Module, name: str) -> None:
    """Take an attached network out of the model again."""
    inner = unwrap(model)
    networks = getattr(inner, AUXILIARY_NETWORKS)
    del networks[name]
    if not networks:
        delattr(inner, AUXILIARY_NETWORKS)
