"""How similar an attacked text is to the original: cosine of sentence embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmark.backbones import locate
from benchmark.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
"""The sentence encoder (Reimers and Gurevych 2019, arXiv 1908.10084), from the package of the backbone minilm."""

MAX_LENGTH = 256
"""Tokens that the encoder reads, as its authors set it."""

TEXTS_PER_BATCH = 32


class NoEncoder(Exception):
    """The sentence encoder is not on the machine; the message says why."""


def similarities(originals: Sequence[str], changed: Sequence[str]) -> NDArray[np.float64]:
    """Cosine of the embeddings of each text and its changed version, (n,) in [-1, 1].

    Raises:
        NoEncoder: the package that holds the encoder is not installed, or holds other weights.
    """
    if len(originals) != len(changed):
        raise ValueError(f"there are {len(originals)} texts and {len(changed)} changed ones")
    texts = list(dict.fromkeys([*originals, *changed]))
    vectors = dict(zip(texts, embeddings(texts), strict=True))
    cosines = [float(vectors[old] @ vectors[new]) for old, new in zip(originals, changed, strict=True)]
    return np.clip(np.array(cosines, np.float64), -1.0, 1.0)


def embeddings(texts: Sequence[str]) -> NDArray[np.float64]:
    """Sentence embeddings (n, 384) of length 1: the mean over a text's tokens, normalised.

    Raises:
        NoEncoder: the package that holds the encoder is not installed, or holds other weights.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    try:
        folder = locate("minilm").location
    except UserError as error:
        raise NoEncoder(f"the sentence encoder {ENCODER} is not there: {error}") from None
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype="float32").eval()
    order = sorted(range(len(texts)), key=lambda row: (-len(texts[row]), row))
    found = np.zeros((len(texts), model.config.hidden_size), np.float64)
    with torch.inference_mode():
        for start in range(0, len(order), TEXTS_PER_BATCH):
            rows = order[start : start + TEXTS_PER_BATCH]
            batch = tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
            )
            mask = batch["attention_mask"].unsqueeze(-1).double()
            means = (model(**batch).last_hidden_state.double() * mask).sum(dim=1) / mask.sum(dim=1)
            found[rows] = torch.nn.functional.normalize(means, dim=1).numpy()
    return found
