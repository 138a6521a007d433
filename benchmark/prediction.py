"""Logits of many texts, in batches of texts of similar length."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.first_token import last_block_for_first_token
from benchmark.provenance import machine, package_versions
from tasks import Examples

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from benchmark.white_box import WhiteBox

TOKENS_PER_BATCH = 2_048
"""Padded tokens of one batch on a processor; keeps a batch's activations within its caches."""

TOKENS_PER_BATCH_ON_GPU = 16_384
"""Padded tokens of one batch elsewhere."""

TEXTS_PER_CHUNK = 8_192
"""Texts whose batches are made together; bounds the memory that texts and tokens take."""

TEXTS_PER_TOKENIZATION = 512
"""Texts tokenised together: until then a tokenizer keeps more than its result, also of what it cuts off."""


@dataclass(frozen=True)
class Prediction:
    """Logits, and how many texts were cut."""

    logits: NDArray[np.float32]
    """(n, C), in the order of the texts."""
    truncated: int
    """Texts longer than the maximum length."""


class Predictor:
    """Predicts with one model. Padding is masked, so a text's logits do not depend on its batch.

    (Equal up to the rounding of the matrix products, whose order of summation the batch's shape can change.)
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        """Make a predictor.

        Args:
            model: a sequence classifier; it is put into evaluation mode while predicting.
            tokenizer: the model's own.
            max_length: tokens; longer texts are cut.
        """
        self._model = model
        self._tokenizer = tokenizer
        self._max_length = max_length

    def __call__(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Logits (n, C) of single texts or of pairs."""
        if texts and not isinstance(texts[0], str):
            firsts, seconds = zip(*texts, strict=True)
            return self.predict(Examples(firsts, seconds)).logits
        return self.predict(Examples(tuple(str(text) for text in texts))).logits

    def predict(self, examples: Examples, on_progress: Callable[[int], None] | None = None) -> Prediction:
        """Logits of all examples.

        Args:
            examples: single texts or pairs; labels are not looked at.
            on_progress: called with the number of texts done since the last call.
        """
        was_training = self._model.training
        self._model.eval()
        try:
            logits = np.zeros((0, int(self._model.config.num_labels)), np.float32)
            truncated = 0
            for start in range(0, len(examples), TEXTS_PER_CHUNK):
                end = min(start + TEXTS_PER_CHUNK, len(examples))
                tokens, cut = self._tokenize(examples, start, end)
                found = self._logits(tokens, on_progress)
                if not start:  # whole from the first: putting chunks together at the end would need twice the memory
                    logits = np.empty((len(examples), found.shape[1]), np.float32)
                logits[start:end] = found
                truncated += cut
        finally:
            self._model.train(was_training)
        return Prediction(logits, truncated)

    def fingerprint(self) -> str:
        """sha256 of everything but the texts that the logits depend on: weights, maximum length, machine, versions."""
        import torch

        circumstances = [self._max_length, machine().model_dump(), package_versions()]
        digest = hashlib.sha256(json.dumps(circumstances).encode())
        for name, values in self._model.state_dict().items():
            digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
            digest.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def white_box(self) -> WhiteBox:
        """The model, opened for attacks that look at its gradients.

        Raises:
            UserError: its tokenizer does not say which characters a token stands for.
        """
        from benchmark.white_box import WhiteBox

        return WhiteBox(self._model, self._tokenizer, self._max_length)

    def _tokenize(self, examples: Examples, start: int, end: int) -> tuple[dict[str, list[list[int]]], int]:
        """Tokens of the texts from ``start`` to before ``end``, and how many of these are cut."""
        tokens: dict[str, list[list[int]]] = {}
        truncated = 0
        for first in range(start, end, TEXTS_PER_TOKENIZATION):
            rows = range(first, min(first + TEXTS_PER_TOKENIZATION, end))
            some, cut = self._tokenize_together(examples.select(rows).columns())
            for name, values in some.items():
                tokens.setdefault(name, []).extend(values)
            truncated += cut
        return tokens, truncated

    def _tokenize_together(self, columns: list[list[str]]) -> tuple[dict[str, list[list[int]]], int]:
        tokens = self._tokenizer(*columns, truncation=True, max_length=self._max_length)
        if tokens.encodings is not None:
            cut = sum(bool(encoding.overflowing) for encoding in tokens.encodings)
        else:  # a tokenizer without the fast implementation does not say what it cut
            whole = self._tokenizer(*columns)["input_ids"]
            cut = sum(len(ids) > self._max_length for ids in whole)
        return dict(tokens.items()), cut

    def _logits(
        self, tokens: dict[str, list[list[int]]], on_progress: Callable[[int], None] | None
    ) -> NDArray[np.float32]:
        import torch
        from transformers.data.data_collator import pad_without_fast_tokenizer_warning

        lengths = np.array([len(ids) for ids in tokens["input_ids"]])
        most_tokens = TOKENS_PER_BATCH if self._model.device.type == "cpu" else TOKENS_PER_BATCH_ON_GPU
        logits: NDArray[np.float32] | None = None
        with torch.inference_mode(), last_block_for_first_token(self._model):
            for rows in _batches(lengths, most_tokens):
                batch = pad_without_fast_tokenizer_warning(
                    self._tokenizer,
                    {name: [values[row] for row in rows] for name, values in tokens.items()},
                    return_tensors="pt",
                ).to(self._model.device)
                found = self._model(**batch).logits.float().cpu().numpy()
                if logits is None:
                    logits = np.empty((len(lengths), found.shape[1]), np.float32)
                logits[rows] = found
                if on_progress is not None:
                    on_progress(len(rows))
        assert logits is not None
        return logits


def _batches(lengths: NDArray[Any], most_tokens: int) -> list[NDArray[np.intp]]:
    """Row numbers in batches of similar length, longest first, each within so many tokens."""
    order = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        size = max(1, most_tokens // max(1, int(lengths[order[start]])))
        batches.append(order[start : start + size])
        start += size
    return batches
