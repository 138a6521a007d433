"""A predictor for attacks: asked about the same tokens again, it answers from memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from benchmark.prediction import Predictor
from tasks import Examples

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Tokens = tuple[tuple[int, ...], ...]
"""A text as the model gets it: the numbers of its tokens, and whatever else the tokenizer gives."""


class AskedOnce(Predictor):
    """Runs the model once for each distinct sequence of tokens, until it is told to forget.

    Many misspellings are the same to a model: other case, or words that are cut off. Run in two batches they would
    differ in the last bits, and so would what an attack makes of the difference; from memory they tie exactly.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        super().__init__(model, tokenizer, max_length)
        self._known: dict[Tokens, NDArray[np.float32]] = {}

    @classmethod
    def of(cls, predictor: Predictor) -> Self:
        """The same model, tokenizer and maximum length."""
        return cls(predictor._model, predictor._tokenizer, predictor._max_length)

    def forget(self) -> None:
        """Forget every answer."""
        self._known.clear()

    def __call__(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Logits (n, C) of single texts or of pairs, at least one."""
        if isinstance(texts[0], str):
            examples = Examples(tuple(str(text) for text in texts))
        else:
            firsts, seconds = zip(*texts, strict=True)
            examples = Examples(firsts, seconds)
        tokens, _ = self._tokenize(examples, 0, len(examples))
        keys: list[Tokens] = list(zip(*(map(tuple, values) for values in tokens.values()), strict=True))
        row_of = {key: row for row, key in enumerate(keys) if key not in self._known}
        if row_of:
            rows = sorted(row_of.values())
            new = {name: [values[row] for row in rows] for name, values in tokens.items()}
            self._known.update(zip((keys[row] for row in rows), self._run(new), strict=True))
        return np.stack([self._known[key] for key in keys])

    def _run(self, tokens: dict[str, list[list[int]]]) -> NDArray[np.float32]:
        if not self._model.training:  # telling every module again takes as long as a text
            return self._logits(tokens, None)
        self._model.eval()
        try:
            return self._logits(tokens, None)
        finally:
            self._model.train()
