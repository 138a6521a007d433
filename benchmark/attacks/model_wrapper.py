"""A model as TextAttack wants it, made from a function that predicts logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark.attacks.textattack_offline import import_textattack
from benchmark.metrics.softmax import softmax

if TYPE_CHECKING:
    from textattack.models.wrappers import ModelWrapper

Text = str | tuple[str, str]
"""One text, or a pair such as premise and hypothesis."""

Predict = Callable[[list[Any]], NDArray[Any]]
"""Takes a list of texts or a list of pairs, returns logits of shape (n, classes)."""


def wrap_model(predict: Predict, labels: Sequence[int] = ()) -> ModelWrapper:
    """Wrap a prediction function for TextAttack.

    The wrapper asks `predict` once for each distinct text of a call and returns float64 probabilities. Not
    logits: TextAttack applies a softmax of its own unless the rows of a call sum to 1 within 1e-6, so logits that
    happen to sum to 1 would be taken for probabilities, and float32 probabilities of many classes would go
    through a second softmax.

    Args:
        predict: takes texts (or pairs), returns their logits of shape (n, classes). Batches hold texts of the size
            that TextAttack asks for; tokenizing, padding and truncation happen in here.
        labels: the labels that will be attacked, checked against the number of classes.

    Returns:
        A `textattack.models.wrappers.ModelWrapper`. Calling it raises ValueError when `predict` returns another
        shape, values that are not finite, or fewer classes than the labels need; what `predict` itself raises
        passes through.
    """
    base: Any = import_textattack().models.wrappers.ModelWrapper
    highest_label = max(labels, default=0)

    class PredictWrapper(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self.model = predict  # TextAttack looks at its class

        def __call__(self, text_input_list: Sequence[Text], **_: object) -> NDArray[np.float64]:
            row_of = {text: row for row, text in enumerate(dict.fromkeys(text_input_list))}
            logits = np.asarray(predict(list(row_of)))
            if logits.ndim != 2 or len(logits) != len(row_of):
                raise ValueError(
                    f"the model returned logits of shape {logits.shape} for {len(row_of)} texts;"
                    f" expected ({len(row_of)}, classes)"
                )
            if highest_label >= logits.shape[1]:
                raise ValueError(f"label {highest_label} does not exist: the model has {logits.shape[1]} classes")
            return softmax(logits)[[row_of[text] for text in text_input_list]]

    return PredictWrapper()
