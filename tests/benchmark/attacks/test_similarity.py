"""Sentence embeddings against the sentence-transformers package."""

import numpy as np
import pytest

from benchmark.attacks.similarity import MAX_LENGTH, embeddings, similarities
from benchmark.backbones import locate

TEXTS = [
    "a gripping story told with humour",
    "a gripqing sotry told with humour",
    "",
    "Tedious.",
    "the camera work is splendid " * 80,  # longer than the encoder reads
    *(f"sentence number {number} of several" for number in range(40)),  # more than one batch
]


def test_embeddings_are_those_of_the_package() -> None:
    package = pytest.importorskip("sentence_transformers")
    encoder = package.SentenceTransformer(locate("minilm").location, device="cpu")
    assert encoder.max_seq_length == MAX_LENGTH
    np.testing.assert_allclose(embeddings(TEXTS), encoder.encode(TEXTS, normalize_embeddings=True), atol=1e-6)


def test_similarity_is_the_cosine() -> None:
    same, close, far = similarities([TEXTS[0]] * 3, [TEXTS[0], TEXTS[1], TEXTS[3]])
    assert same == pytest.approx(1.0)
    assert far < close < 0.99
    vectors = embeddings(TEXTS[:2])
    assert close == pytest.approx(vectors[0] @ vectors[1], abs=1e-6)
    assert similarities([], []).shape == (0,)
    with pytest.raises(ValueError, match="1 texts and 2"):
        similarities(["a"], ["a", "b"])
