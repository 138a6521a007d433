"""An interrupted prediction goes on with the next set."""

import json

import pytest

from benchmark.predicted_sets import PREDICTED_FILE, PredictedSets, forget_predicted_sets
from benchmark.stored_logits import store_logits
from leaderboard.record import EvaluatedSet
from tasks import Examples
from tasks.loading import Part


@pytest.fixture
def part():
    return Part(Examples(("good", "bad"), labels=(1, 0)), 2, False)


@pytest.fixture
def stored(tmp_path, part):
    """A set that an interrupted run has predicted."""
    import numpy as np

    digest = store_logits(tmp_path / "logits/test.npz", np.eye(2, dtype=np.float32), (1, 0))
    values = {"rows": 2, "rows_available": 2, "sha256": part.sha256, "partial": False, "truncated": 1}
    found = EvaluatedSet(role="shift", logits="logits/test.npz", logits_sha256=digest, **values)
    PredictedSets(tmp_path, "model").add("test", part, found)
    return found


def test_a_set_is_taken_over(tmp_path, part, stored):
    assert PredictedSets(tmp_path, "model").find("test", part) == stored
    assert PredictedSets(tmp_path, "model").find("other", part) is None
    forget_predicted_sets(tmp_path)
    assert PredictedSets(tmp_path, "model").find("test", part) is None
    forget_predicted_sets(tmp_path)


def test_another_model_or_other_texts_are_predicted_again(tmp_path, stored, part):
    assert PredictedSets(tmp_path, "another model").find("test", part) is None
    other = Part(Examples(("good", "awful"), labels=(1, 0)), 2, False)
    assert PredictedSets(tmp_path, "model").find("test", other) is None


@pytest.mark.parametrize("damage", [b"", b"half of it", None])
def test_changed_logits_are_predicted_again(tmp_path, stored, part, damage):
    path = tmp_path / "logits/test.npz"
    path.unlink() if damage is None else path.write_bytes(damage)
    assert PredictedSets(tmp_path, "model").find("test", part) is None


@pytest.mark.parametrize(
    "content", ["", "[]", '{"model": "model"}', '{"model": "model", "sets": {"test": {"texts": 1}}}']
)
def test_a_changed_list_is_begun_again(tmp_path, stored, part, content):
    (tmp_path / "logits" / PREDICTED_FILE).write_text(content, encoding="utf-8")
    predicted = PredictedSets(tmp_path, "model")
    assert predicted.find("test", part) is None
    predicted.add("test", part, stored)
    assert json.loads((tmp_path / "logits" / PREDICTED_FILE).read_bytes())["model"] == "model"


@pytest.mark.parametrize("change", [(b'"rows": 2', b'"rows": 3'), (b'"truncated": 1', b'"truncated": 0')])
def test_a_changed_figure_is_predicted_again(tmp_path, stored, part, change):
    path = tmp_path / "logits" / PREDICTED_FILE
    content = path.read_bytes()
    assert change[0] in content
    path.write_bytes(content.replace(*change))
    assert PredictedSets(tmp_path, "model").find("test", part) is None


def test_the_fingerprint_of_a_predictor_is_of_all_that_logits_depend_on(tiny_backbone):
    import torch

    from benchmark.backbones import load_classifier, load_tokenizer, locate
    from benchmark.prediction import Predictor

    backbone = locate(str(tiny_backbone))
    tokenizer = load_tokenizer(backbone)
    model = load_classifier(backbone, ("bad", "good"), 0, tokenizer.pad_token_id)
    before = Predictor(model, tokenizer, 16).fingerprint()
    assert before == Predictor(model, tokenizer, 16).fingerprint()
    assert before != Predictor(model, tokenizer, 17).fingerprint()
    with torch.no_grad():
        model.classifier.bias[0] = torch.nextafter(model.classifier.bias[0], torch.tensor(9.0))
    assert before != Predictor(model, tokenizer, 16).fingerprint()
