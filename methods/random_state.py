"""Repeating the random numbers of a forward pass, so that dropout drops the same again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


class RandomState:
    """State of the generators that a model on this device draws from, at the moment of construction."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._processor: Tensor = torch.get_rng_state()
        self._accelerator: Tensor | None = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        """Draw from here again."""
        torch.set_rng_state(self._processor)
        if self._accelerator is not None:
            torch.cuda.set_rng_state(self._accelerator, self._device)

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Within the context the numbers since construction come again; afterwards the generators go on as before."""
        now = RandomState(self._device)
        self.restore()
        try:
            yield
        finally:
            now.restore()
