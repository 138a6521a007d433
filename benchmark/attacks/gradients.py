"""The model behind TextAttack's wrapper, for attacks that look at its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.errors import UserError

if TYPE_CHECKING:
    from textattack.models.wrappers import ModelWrapper

    from benchmark.white_box import WhiteBox


def white_box(model: ModelWrapper, attack: str) -> WhiteBox:
    """Open the wrapped model.

    Args:
        model: the wrapper, whose `model` is what predicts.
        attack: name of the attack, for the error.

    Raises:
        UserError: what predicts is no :class:`benchmark.prediction.Predictor` or the like, which has gradients.
    """
    opened = getattr(model.model, "white_box", None)
    if opened is None:
        raise UserError(
            f"attack {attack!r} needs the model's gradients, and {type(model.model).__name__} only predicts;"
            " attack a benchmark.prediction.Predictor."
        )
    found: WhiteBox = opened()
    return found
