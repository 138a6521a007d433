"""What methods share that act at or inside the transformer blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from methods.architecture import transformer_blocks
from methods.base import Method

if TYPE_CHECKING:
    from torch import nn


class BlockBasedMethod(Method):
    """A method that must find the transformer blocks: to perturb what enters them, or to mask their gradients."""

    def prepare_model(self, model: nn.Module) -> None:
        """Refuse a model whose blocks, and with them its embedding output, cannot be located.

        Raises:
            ValueError: they cannot; the message names the model.
        """
        super().prepare_model(model)
        transformer_blocks(model)
