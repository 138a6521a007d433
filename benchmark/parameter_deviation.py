"""How far fine-tuning moved the parameters from the pre-trained ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from leaderboard.record import ParameterDeviation
from methods.architecture import transformer_blocks, unwrap

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedModel


def parameter_deviation(fine_tuned: PreTrainedModel, pre_trained: PreTrainedModel) -> ParameterDeviation | None:
    """‖θ − θ₀‖₂ / ‖θ₀‖₂ of the embeddings and of each transformer block.

    Parameters that only one of the models has, such as adapters, play no part.

    Args:
        fine_tuned: θ.
        pre_trained: θ₀; a model of the same architecture.

    Returns:
        The deviations; None where the blocks of the model cannot be located.
    """
    try:
        blocks = transformer_blocks(fine_tuned)
    except ValueError:
        return None
    original = dict(unwrap(pre_trained).named_parameters())
    names = {id(parameter): name for name, parameter in unwrap(fine_tuned).named_parameters()}

    def deviation(parameters: Iterable[Tensor]) -> float | None:
        moved = total = 0.0
        for parameter in parameters:
            before = original.get(names.get(id(parameter), ""))
            if before is None or before.shape != parameter.shape:
                continue
            here = parameter.detach().double().cpu()
            there = before.detach().double().cpu()
            moved += float((here - there).square().sum())
            total += float(there.square().sum())
        return (moved / total) ** 0.5 if total else None

    return ParameterDeviation(
        embeddings=deviation(_embeddings(fine_tuned)), layers=tuple(deviation(block.parameters()) for block in blocks)
    )


def _embeddings(model: nn.Module) -> list[Tensor]:
    """Weights of the embedding tables, each once."""
    from torch.nn import Embedding

    inner = unwrap(model)
    base: nn.Module = getattr(inner, "base_model", inner)
    tables = [module for module in base.modules() if isinstance(module, Embedding)]
    return list({id(table.weight): table.weight for table in tables}.values())
