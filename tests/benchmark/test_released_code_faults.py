"""The ten known faults of RoAST's released code, each with a test that it does not recur here."""

import csv
import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmark import prediction
from benchmark.backbones import locate
from benchmark.cell import MODEL
from benchmark.execution import Execution
from benchmark.metrics import softmax
from benchmark.plan import Cell
from benchmark.prediction import Predictor
from benchmark.progress import Reporter
from benchmark.rescoring import compute_scores
from benchmark.run import run_cells, serialised
from benchmark.scoring import PredictedSet, score_sets
from benchmark.stored_logits import read_logits
from benchmark.suite import EvaluationSettings, TrainingSettings
from leaderboard.record import MergedClasses, read_record
from leaderboard.write import write_leaderboard
from methods.adversarial_perturbation import AdversarialPerturbation
from methods.importance import Importance, gradients_of_plain_training
from methods.vanilla import Vanilla
from tasks import EvaluationSet, Examples, PackageSource, Role, Task
from tasks.loading import load_task

WORDS = {0: ("awful", "bad", "dull", "poor", "weak"), 1: ("fine", "good", "great", "lovely", "superb")}


def sentences(start: int, size: int, flipped: bool = False) -> PackageSource:
    texts, labels = [], []
    for number in range(start, start + size):
        label = number % 2
        texts.append(
            f"the film is {WORDS[label][number % 5]} {'very ' * (number % 23)}plot {'a ' * (number % 7)}".strip()
        )
        labels.append(1 - label if flipped else label)
    return PackageSource(package="none", read=lambda: Examples(tuple(texts), labels=tuple(labels)))


def task(flipped: bool = False) -> Task:
    card = {"origin": "made up", "licence": "none"}
    return Task(
        name="faults",
        summary="Made-up sentences.",
        family="sentiment",
        labels=("negative", "positive"),
        training=sentences(0, 60),
        training_origin="made up",
        in_distribution_test="test",
        evaluation_sets=(
            EvaluationSet(name="test", role=Role.IN_DISTRIBUTION, source=sentences(1000, 30, flipped), **card),
            EvaluationSet(name="same-as-anomaly", role=Role.ANOMALY, source=sentences(2000, 30), **card),
            EvaluationSet(name="same", role=Role.SHIFT, source=sentences(2000, 30), **card),
        ),
    )


@pytest.fixture(scope="module")
def cell(tiny_backbone) -> Cell:
    return Cell(
        suite="faults",
        task=task(),
        backbone=locate(str(tiny_backbone)),
        method_name="vanilla",
        method=Vanilla,
        hyper_parameters={},
        seed=0,
        training=TrainingSettings(epochs=2, batch_size=8, learning_rate=0.003, max_length=64),
        evaluation=EvaluationSettings(),
        attacks=(),
        given={},
        plugin_sources={},
        mirror=None,
    )


@pytest.fixture(scope="module")
def out(cell, tmp_path_factory):
    """Output folder of that cell, run with the model kept."""
    folder = tmp_path_factory.mktemp("faults")
    with Reporter() as reporter:
        assert run_cells([cell], folder, reporter, execution=Execution(keep_model=True)).finished == (cell,)
    return folder


@pytest.fixture(scope="module")
def record(cell, out):
    return read_record(out / cell.record_path)


@pytest.fixture
def kept(cell, out):
    """The kept model and its tokenizer, loaded as a user would."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = out / cell.folder / MODEL
    return AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def enlarge(model):
    """Make texts differ: under the tiny model's own small weights they hardly do."""
    for parameter in model.parameters():
        parameter.mul_(10 if parameter.ndim > 1 else 1)


@pytest.mark.parametrize(("gap", "temperature"), [(0.5, 0.25), (-16.0, 8.0)])
def test_fault_1_logits_are_divided_by_the_temperature_and_not_by_its_index(gap, temperature):
    """Index 0 became a division by zero, and its NaN a perfect 0."""
    logits = np.tile(np.array([[gap, 0.0]], np.float32), (50, 1))
    # Right on all rows where the best temperature is the lowest, wrong on all where it is the highest.
    found = score_sets({"a": PredictedSet(Role.IN_DISTRIBUTION, logits, np.zeros(50, int))}, "a")["a"]["ece"].value
    confidence = softmax(logits, temperature).max()
    assert found == pytest.approx(100 * (1 - confidence if gap > 0 else confidence))
    assert found > 5


def test_fault_2_classes_are_merged_for_calibration_as_for_accuracy():
    logits = np.tile(np.log([[0.4, 0.3, 0.3]]).astype(np.float32), (50, 1))
    merged = MergedClasses(labels=("entailment", "not entailment"), groups=((0,), (1, 2)))
    found = score_sets({"a": PredictedSet(Role.SHIFT, logits, np.ones(50, int), merged)}, "a")["a"]
    assert found["accuracy"].value == 100.0
    assert found["ece_raw"].value == pytest.approx(100 * (1 - 0.6), abs=1e-4)
    assert found["brier"].value == pytest.approx(2 * 0.4**2, abs=1e-5)
    # Temperature scaling too: at T = 1/4 the merged probability 0.6 becomes 0.6⁴ / (0.6⁴ + 0.4⁴).
    assert found["ece"].value == pytest.approx(100 * (1 - 0.6**4 / (0.6**4 + 0.4**4)), abs=1e-3)


def test_fault_3_one_data_set_as_anomaly_and_as_labelled_set_keeps_both_apart(cell, out, record):
    """The cache knew a set by its name alone, so that the anomaly copy's labels, all 0, replaced the real ones."""
    folder = out / cell.folder
    stored = {name: read_logits(folder / item.logits) for name, item in record.evaluation_sets.items()}
    labels = task().evaluation_sets[2].source.load(None).examples.labels
    assert stored["same"][1].tolist() == list(labels)
    assert 0 < sum(labels) < len(labels)
    assert stored["same-as-anomaly"][1] is None
    np.testing.assert_array_equal(stored["same"][0], stored["same-as-anomaly"][0])
    right = (stored["same"][0].argmax(axis=1) == stored["same"][1]).mean()
    assert record.set_scores["same"]["accuracy"].value == pytest.approx(100 * right)
    assert "auroc" in record.set_scores["same-as-anomaly"]
    assert "auroc" not in record.set_scores["same"]
    assert "accuracy" not in record.set_scores["same-as-anomaly"]


def test_fault_4_the_kept_model_is_found_again_and_is_the_one_that_was_scored(cell, out, record, kept):
    model, tokenizer = kept
    for item in cell.task.evaluation_sets:
        logits = Predictor(model, tokenizer, cell.training.max_length).predict(item.source.load(None).examples).logits
        stored, _ = read_logits(out / cell.folder / record.evaluation_sets[item.name].logits)
        np.testing.assert_array_equal(logits, stored)


def test_fault_5_scores_do_not_depend_on_the_entry_point(cell, out, record, roast_bench):
    """There were two copies of the evaluation, and each gave an AUROC of its own."""
    set_scores, scores = compute_scores(record, out / cell.folder)
    assert set_scores == record.set_scores
    assert scores == record.scores
    summary = json.loads(roast_bench("rescore", out, "--dry-run", "--json").out)
    assert (summary["changed"], len(summary["unchanged"])) == ([], 1)


def test_fault_6_logits_do_not_depend_on_the_batch(kept, monkeypatch):
    model, tokenizer = kept
    texts = sentences(3000, 40).load(None).examples.texts
    enlarge(model)
    with torch.no_grad():
        alone = np.concatenate([model(**tokenizer(text, return_tensors="pt")).logits.numpy() for text in texts])
        padded = tokenizer(list(texts), padding=True, return_tensors="pt")
        del padded["attention_mask"]
        attended = model(**padded).logits.numpy()
    assert np.abs(attended - alone).max() > 1e-3  # what it looks like when padding is attended to
    for tokens in (1, 200, 100_000):
        monkeypatch.setattr(prediction, "TOKENS_PER_BATCH", tokens)
        found = Predictor(model, tokenizer, 64).predict(Examples(texts)).logits
        np.testing.assert_allclose(found, alone, rtol=0, atol=2e-6)


def test_fault_7_the_epoch_is_chosen_on_texts_that_are_not_reported(record):
    data = load_task(task())
    assert record.training.selection == "held-out"
    assert record.training_data["selection"].sha256 == data.selection.sha256
    chosen_on = set(data.selection.examples.texts)
    for part in (data.training, *data.evaluation.values()):
        assert chosen_on.isdisjoint(part.examples.texts)
    # Whatever the reported labels are, the choice is made on the same texts and labels.
    assert load_task(task(flipped=True)).selection.examples == data.selection.examples
    assert load_task(task(), selection="reported").selection.examples == data.evaluation["test"].examples


def test_fault_8_names_tell_runs_apart_and_nothing_asks(cell, out, monkeypatch):
    others = [
        replace(cell, backbone=replace(cell.backbone, name="another/model")),
        replace(cell, training=cell.training.model_copy(update={"epochs": 3})),
        replace(cell, training=cell.training.model_copy(update={"learning_rate": 1e-4})),
        replace(cell, seed=1),
    ]
    assert len({one.folder for one in (cell, *others)}) == 5
    assert cell.backbone.slug in cell.folder.parts
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    before = (out / cell.record_path).read_bytes()
    with Reporter() as reporter:
        assert run_cells([cell], out, reporter).skipped == (cell,)
    assert (out / cell.record_path).read_bytes() == before


def test_fault_9_the_first_mini_batch_counts_towards_the_importance(cell, out, kept):
    from transformers import AutoModelForSequenceClassification

    _, tokenizer = kept
    without_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = AutoModelForSequenceClassification.from_pretrained(out / cell.folder / MODEL, **without_dropout)
    texts = list(sentences(4000, 16).load(None).examples.texts)
    batches = [
        {**tokenizer(texts[start : start + 8], padding=True, return_tensors="pt"), "labels": torch.arange(8) % 2}
        for start in (0, 8)
    ]
    enlarge(model)
    run = SimpleNamespace(model=model, training_batches=lambda: iter(batches), autocast=nullcontext)
    weight = {"classifier.weight": model.classifier.weight}
    importance = Importance()
    for gradients in gradients_of_plain_training(run, weight):
        importance.add(gradients)
    squares = [torch.autograd.grad(model(**batch).loss, model.classifier.weight)[0] ** 2 for batch in batches]
    assert importance.mini_batches == 2
    # Relative alone: squared gradients are small numbers.
    torch.testing.assert_close(importance.mean()["classifier.weight"], (squares[0] + squares[1]) / 2, rtol=1e-4, atol=0)
    assert not torch.allclose(squares[0], squares[1], rtol=0.01, atol=0)


def test_fault_9_the_adversarial_cross_entropy_is_reached(kept):
    model, tokenizer = kept
    model.eval()
    batch = {**tokenizer(["the film is good", "a dull plot"], padding=True, return_tensors="pt")}
    batch["labels"] = torch.tensor([1, 0])

    def loss(objective, epsilon):
        method = AdversarialPerturbation(
            objective=objective, epsilon=epsilon, initial_noise=0.0, consistency_weight=0.0
        )
        return method.loss(model, batch).item()

    clean = model(**batch).loss.item()
    assert loss("released", 1.0) == pytest.approx(clean / 2)
    assert loss("full", 0.0) == pytest.approx(clean)
    assert loss("full", 1.0) > clean + 1e-3


def test_fault_10_values_are_averaged_uncut_over_seeds_below_a_header(record, tmp_path):
    for seed, value in enumerate((200 / 3, 100 / 3 + 0.006)):
        scores = {**record.scores, "acc_shift": record.scores["acc_shift"].model_copy(update={"value": value})}
        one = record.model_copy(update={"scores": scores, "cell": record.cell.model_copy(update={"seed": seed})})
        path = tmp_path / str(seed) / "record.json"
        path.parent.mkdir()
        path.write_bytes(serialised(one))
    written = write_leaderboard([tmp_path], tmp_path)
    with written.csv.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert {"task", "backbone", "method", "acc_in", "acc_shift", "seeds_n"} <= row.keys()
    assert row["task"] == "faults"
    assert row["seeds_n"] == "2"
    # 50.003; cut to two places beforehand it would be 49.995, to whole percents 49.5.
    assert row["acc_shift"] == "50.003000"
