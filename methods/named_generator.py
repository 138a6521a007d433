"""Random numbers of a method's own, the same on every process of a data-parallel run."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Generator


def named_generator(device: torch.device, seed: int, purpose: str, draw: int) -> Generator:
    """A fresh generator for one draw; those of different seeds, purposes or draws are unrelated.

    Only the number of the draw has to be kept for a resumed run to go on with the same numbers.

    Args:
        device: where the numbers are drawn.
        seed: seed of the run.
        purpose: name of the method that draws.
        draw: how many draws went before this one.
    """
    digest = blake2b(f"{purpose} {seed} {draw}".encode(), digest_size=7).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest))
