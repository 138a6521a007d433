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


def wrap_model(predict: Predict, labels: Sequence[int] = (), batch_size: int | None = None) -> ModelWrapper:
    """Wrap a prediction function for TextAttack.

    The wrapper asks `predict` once for each distinct text, until its `forget()` is called, and returns float64
    probabilities. Asking once keeps ties ties: the rounding of a text's logits changes with the batch that it is in.

    Not logits: TextAttack applies a softmax of its own unless the rows of a call sum to 1 within 1e-6, so logits
    that happen to sum to 1 would be taken for probabilities, and float32 probabilities of many classes would go
    through a second softmax.

    Args:
        predict: takes texts (or pairs), returns their logits of shape (n, classes). Where it has a method `forget`,
            that is called together with the wrapper's.
        labels: the labels that will be attacked, checked against the number of classes.
        batch_size: most texts handed to `predict` at once; None is all that TextAttack asks about at once.

    Returns:
        A `textattack.models.wrappers.ModelWrapper`. Calling it raises ValueError when `predict` returns another
        shape, values that are not finite, or fewer classes than the labels need; what `predict` itself raises
        passes through.
    """
    base: Any = import_textattack().models.wrappers.ModelWrapper
    highest_label = max(labels, default=0)

    class PredictWrapper(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self.model = predict  # TextAttack looks at its class, white-box attacks at its gradients
            self._known: dict[Text, NDArray[np.float64]] = {}

        def __call__(self, text_input_list: Sequence[Text], **_: object) -> NDArray[np.float64]:
            new = [text for text in dict.fromkeys(text_input_list) if text not in self._known]
            size = batch_size or len(new)
            for start in range(0, len(new), size or 1):
                part = new[start : start + size]
                self._known.update(zip(part, self._probabilities(part), strict=True))
            return np.stack([self._known[text] for text in text_input_list])

        def _probabilities(self, texts: list[Text]) -> NDArray[np.float64]:
            logits = np.asarray(predict(texts))
            if logits.ndim != 2 or len(logits) != len(texts):
                raise ValueError(
                    f"the model returned logits of shape {logits.shape} for {len(texts)} texts;"
                    f" expected ({len(texts)}, classes)"
                )
            if highest_label >= logits.shape[1]:
                raise ValueError(f"label {highest_label} does not exist: the model has {logits.shape[1]} classes")
            return softmax(logits)

        def forget(self) -> None:
            """Forget the texts asked about so far."""
            self._known.clear()
            if hasattr(predict, "forget"):
                predict.forget()

    return PredictWrapper()
