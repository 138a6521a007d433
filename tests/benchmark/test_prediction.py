import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmark import prediction
from benchmark.prediction import Predictor
from tasks import Examples

WORDS = ["the", "film", "is", "good", "bad", "very", "plot"]


@pytest.fixture
def model_and_tokenizer(tiny_backbone):
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_backbone, num_labels=3)
    model.classifier.weight.data.normal_(std=3.0)
    return model, AutoTokenizer.from_pretrained(tiny_backbone)


def texts(size: int = 50) -> tuple[str, ...]:
    generator = np.random.RandomState(0)
    return tuple(" ".join(generator.choice(WORDS, generator.randint(1, 40))) for _ in range(size))


def one_by_one(model, tokenizer, *columns, max_length=64):
    model.eval()
    with torch.no_grad():
        rows = [
            model(**tokenizer(*row, truncation=True, max_length=max_length, return_tensors="pt")).logits[0]
            for row in zip(*columns, strict=True)
        ]
    return torch.stack(rows).numpy()


def test_logits_are_those_of_each_text_alone_whatever_the_batch(model_and_tokenizer, monkeypatch):
    model, tokenizer = model_and_tokenizer
    expected = one_by_one(model, tokenizer, texts())
    for tokens in (1, 100, 4_096):
        monkeypatch.setattr(prediction, "TOKENS_PER_BATCH", tokens)
        found = Predictor(model, tokenizer, 64).predict(Examples(texts())).logits
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_pairs(model_and_tokenizer):
    model, tokenizer = model_and_tokenizer
    first, second = texts(20), texts(40)[20:]
    expected = one_by_one(model, tokenizer, first, second)
    predictor = Predictor(model, tokenizer, 64)
    np.testing.assert_allclose(predictor.predict(Examples(first, second)).logits, expected, rtol=0, atol=2e-6)
    np.testing.assert_allclose(predictor(list(zip(first, second, strict=True))), expected, rtol=0, atol=2e-6)


def test_cut_texts_are_counted(model_and_tokenizer):
    model, tokenizer = model_and_tokenizer
    lengths = [len(ids) for ids in tokenizer(list(texts()))["input_ids"]]
    found = Predictor(model, tokenizer, 16).predict(Examples(texts()))
    assert found.truncated == sum(length > 16 for length in lengths) > 0
    np.testing.assert_allclose(found.logits, one_by_one(model, tokenizer, texts(), max_length=16), rtol=0, atol=2e-6)


def test_tokenizer_without_a_fast_implementation_counts_the_same(model_and_tokenizer, tiny_backbone):
    model, tokenizer = model_and_tokenizer
    slow = AutoTokenizer.from_pretrained(tiny_backbone, use_fast=False)
    assert not slow.is_fast
    found = Predictor(model, slow, 16).predict(Examples(texts()))
    assert found.truncated == Predictor(model, tokenizer, 16).predict(Examples(texts())).truncated


def test_chunks_join_in_order_and_progress_adds_up(model_and_tokenizer, monkeypatch):
    model, tokenizer = model_and_tokenizer
    expected = Predictor(model, tokenizer, 64).predict(Examples(texts())).logits
    monkeypatch.setattr(prediction, "TEXTS_PER_CHUNK", 7)
    done: list[int] = []
    found = Predictor(model, tokenizer, 64).predict(Examples(texts()), done.append)
    np.testing.assert_allclose(found.logits, expected, rtol=0, atol=2e-6)
    assert sum(done) == 50


def test_no_texts(model_and_tokenizer):
    model, tokenizer = model_and_tokenizer
    assert Predictor(model, tokenizer, 64).predict(Examples(())).logits.shape == (0, 3)


def test_dropout_is_off_and_the_mode_is_restored(model_and_tokenizer):
    model, tokenizer = model_and_tokenizer
    model.train()
    predictor = Predictor(model, tokenizer, 64)
    np.testing.assert_array_equal(predictor(texts()), predictor(texts()))
    assert model.training
