"""On a real network, whose logits change in the last bits from batch to batch, an attack's result does not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.attacks import attacks
from benchmark.attacks.asked_once import AskedOnce
from benchmark.attacks.run import run_attack
from benchmark.backbones import load_classifier, load_tokenizer, locate
from benchmark.prediction import Predictor

TEXTS = ["a gripping story told well", "Tedious and flat dialogue", "never dull for long", "it was"]


@pytest.fixture(scope="module")
def minilm() -> Predictor:
    """The packaged encoder with a random head that tells the texts apart."""
    import torch

    tokenizer = load_tokenizer(locate("minilm"))
    model = load_classifier(locate("minilm"), ("a", "b"), 0, tokenizer.pad_token_id)
    predictor = Predictor(model, tokenizer, 128)
    logits = predictor(TEXTS)
    with torch.no_grad():
        model.classifier.bias += torch.tensor([0.0, float(np.median(logits[:, 0] - logits[:, 1]))])
    return predictor


@pytest.mark.parametrize("recipe", ["deepwordbug", "pwws"])
def test_the_batch_size_plays_no_part(recipe: str, minilm: Predictor, nltk_data: Path) -> None:
    labels = minilm(TEXTS).argmax(axis=1).tolist()
    assert set(labels) == {0, 1}
    found = [
        run_attack(
            attacks[recipe], AskedOnce.of(minilm), TEXTS, labels, max_queries=40, seed=0, batch_size=batch_size
        ).examples
        for batch_size in (None, 1, 7)
    ]
    assert found[0] == found[1] == found[2]
    assert sum(example.queries for example in found[0]) > 30


def test_order_and_company_play_no_part(minilm: Predictor) -> None:
    labels = minilm(TEXTS).argmax(axis=1).tolist()

    def attacked(rows: list[int]) -> dict[int, Any]:
        outcome = run_attack(
            attacks["deepwordbug"],
            AskedOnce.of(minilm),
            [TEXTS[row] for row in rows],
            [labels[row] for row in rows],
            max_queries=25,
            seed=0,
            positions=rows,
        )
        return {example.position: example for example in outcome.examples}

    whole = attacked([0, 1, 2, 3])
    assert attacked([3, 1]) == {3: whole[3], 1: whole[1]}


def test_texts_of_the_same_tokens_get_the_same_bits(minilm: Predictor) -> None:
    asked_once = AskedOnce.of(minilm)
    alone = asked_once(["Tedious FLAT dialogue"])
    runs: list[int] = []
    run = asked_once._run
    asked_once._run = lambda tokens: (runs.append(len(tokens["input_ids"])), run(tokens))[1]  # type: ignore[method-assign]
    again = asked_once(["never dull", "tedious flat dialogue", "never dull", "a longer text than all the others here"])
    np.testing.assert_array_equal(again[1], alone[0])
    np.testing.assert_array_equal(again[0], again[2])
    assert runs == [2]
    np.testing.assert_allclose(
        again[[0, 1, 3]],
        minilm(["never dull", "tedious flat dialogue", "a longer text than all the others here"]),
        atol=1e-5,
    )
    asked_once.forget()
    asked_once(["tedious flat dialogue"])
    assert runs == [2, 1]


def test_pairs_in_the_other_order_are_other_tokens(minilm: Predictor) -> None:
    asked_once = AskedOnce.of(minilm)
    first, second, same = asked_once([("a", "b c"), ("a b", "c"), ("A", "b  c")])
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, same)


def test_training_mode_is_as_before(minilm: Predictor) -> None:
    asked_once = AskedOnce.of(minilm)
    evaluated = asked_once(TEXTS)
    for training in (True, False):
        minilm._model.train(training)
        asked_once.forget()
        np.testing.assert_array_equal(asked_once(TEXTS), evaluated)
        assert minilm._model.training is training
