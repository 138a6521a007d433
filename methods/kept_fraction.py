"""How much of each layer a gradient mask keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def kept_fraction(masks: Mapping[str, Tensor]) -> float:
    """Share of the entries, over all parameters together, that are not zero.

    Args:
        masks: parameter name → its mask, at least one; what is kept is above 0.
    """
    kept = sum(int((mask > 0).sum()) for mask in masks.values())
    return kept / sum(mask.numel() for mask in masks.values())


def kept_fraction_by_layer(masks: Mapping[str, Tensor], layers: Mapping[str, int]) -> list[float]:
    """`kept_fraction` of each transformer block that is masked, the first first.

    Args:
        masks: parameter name → its mask.
        layers: parameter name → index of its block, of every masked parameter at least.
    """
    of_layer: dict[int, dict[str, Tensor]] = defaultdict(dict)
    for name, mask in masks.items():
        of_layer[layers[name]][name] = mask
    return [kept_fraction(of_layer[layer]) for layer in sorted(of_layer)]
