"""A last transformer block that works out no more than the classifier reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

FIRST_TOKEN_CLASSIFIED = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
"""Model types of BERT's layout whose head reads the first token's final state and nothing else."""


@contextmanager
def last_block_for_first_token(model: PreTrainedModel) -> Iterator[None]:
    """Within the context, the model's last block goes on after its attention with the first token alone.

    The logits stay what they are, up to the rounding of the matrix products. Of the block's matrix products, 9 of 12
    parts are left out: an eighth of a forward pass with six blocks. Models of other types are left as they are.

    Args:
        model: a sequence classifier in evaluation mode, asked for logits alone: its last hidden states are cut.
    """
    if model.config.model_type not in FIRST_TOKEN_CLASSIFIED or model.config.is_decoder:
        yield
        return

    def first_token(_: Any, states: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        attended, residual = states
        return attended[:, :1], residual[:, :1]

    handle = model.base_model.encoder.layer[-1].attention.output.register_forward_pre_hook(first_token)
    try:
        yield
    finally:
        handle.remove()
