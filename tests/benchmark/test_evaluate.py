"""`roast-bench evaluate`: checkpoints made with plain transformers, on a tiny task."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from elsewhere import fine_tuned
from sklearn.metrics import roc_auc_score
from test_user_mistakes import assert_one_line

from benchmark.label_order import label_order
from benchmark.stored_logits import read_logits
from leaderboard.record import find_records, read_record

SWAPPED = ["POSITIVE", "NEGATIVE"]


@pytest.fixture(scope="module")
def swapped(tiny_backbone, tmp_path_factory):
    """Its first logit is the positive class, the task's first label the negative one."""
    return fine_tuned(tiny_backbone, tmp_path_factory.mktemp("elsewhere") / "swapped", SWAPPED)


@pytest.fixture
def checkpoint(swapped, tmp_path):
    """A copy to damage."""
    return shutil.copytree(swapped, tmp_path / "swapped")


@pytest.fixture
def evaluate(roast_bench, plugin, tmp_path):
    def invoke(checkpoint, *options):
        common = ["--task", "tiny", "--plugin", plugin, "--max-length", 64, "--out", tmp_path / "out"]
        return roast_bench("evaluate", checkpoint, *common, *options)

    return invoke


def only_record(folder):
    (path,) = find_records(folder)
    return path, read_record(path)


def logits_by_hand(folder, texts):
    """One text at a time, in the checkpoint's own order."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return np.concatenate([model(**tokenizer(text, return_tensors="pt")).logits.numpy() for text in texts])


def test_scores_of_a_checkpoint_made_elsewhere_are_those_computed_by_hand(evaluate, swapped, plugin, tmp_path):
    done = evaluate(swapped, "--name", "theirs")
    assert done.code == 0, done.err
    assert "theirs" in done.out
    path, record = only_record(tmp_path / "out")
    assert path.parent.parent.relative_to(tmp_path / "out").as_posix() == "tiny/checkpoints/theirs"
    assert (record.cell.backbone, record.cell.method, record.cell.suite) == ("checkpoints", "theirs", "evaluate")
    assert record.training is None
    assert record.training_data == {}

    from tasks import tasks

    task = tasks["tiny"]()
    own = {item.name: item.source.load(None).examples for item in task.evaluation_sets}
    expected = {name: logits_by_hand(swapped, examples.texts)[:, ::-1] for name, examples in own.items()}
    for name, found in expected.items():
        logits, labels = read_logits(path.parent / record.evaluation_sets[name].logits)
        np.testing.assert_allclose(logits, found, atol=1e-5)
        assert (labels is None) == (name == "odd")
    truth = np.array(own["test"].labels)
    accuracy = 100 * np.mean(expected["test"].argmax(axis=1) == truth)
    assert record.scores["acc_in"].value == pytest.approx(accuracy)
    assert accuracy > 80, "in the checkpoint's own order it would be below 20"

    def confidence(logits):
        return torch.from_numpy(logits.copy()).double().softmax(dim=1).max(dim=1).values.numpy()

    normal, odd = confidence(expected["test"]), confidence(expected["odd"])
    auroc = roc_auc_score([0] * len(normal) + [1] * len(odd), np.concatenate([1 - normal, 1 - odd]))
    assert record.scores["auroc"].value == pytest.approx(100 * auroc, abs=1e-6)


def test_labels_given_in_any_case_are_taken_over_names_that_say_nothing(evaluate, checkpoint, tmp_path):
    rename(checkpoint, ["LABEL_0", "LABEL_1"])
    refused = evaluate(checkpoint)
    assert_one_line(refused, "swapped", "0 LABEL_0, 1 LABEL_1", "negative, positive", "--labels negative,positive")
    assert find_records(tmp_path / "out") == []
    assert evaluate(checkpoint, "--labels", "Positive,negative").code == 0
    _, record = only_record(tmp_path / "out")
    assert record.scores["acc_in"].value > 80
    assert record.configuration.resolved["checkpoint"]["labels"] == ["positive", "negative"]


def test_given_labels_count_over_the_checkpoints_names(evaluate, swapped, tmp_path):
    assert evaluate(swapped, "--labels", "negative,positive").code == 0
    _, record = only_record(tmp_path / "out")
    assert record.scores["acc_in"].value < 20


@pytest.mark.parametrize(
    ("names", "labels", "order"),
    [
        (["negative", "positive"], ["negative", "positive"], (0, 1)),
        (["POS", "Neg"], ["negative", "positive"], (1, 0)),
        (["Contradiction", "ENTAILMENT", "neutral"], ["entailment", "neutral", "contradiction"], (1, 2, 0)),
        (["contradict", "neutral", "entail"], ["entailment", "neutral", "contradiction"], (2, 1, 0)),
        (["not-entailment", "entailment"], ["entailment", "not_entailment"], (1, 0)),
        (["Not Entailment", "entailment"], ["entailment", "not_entailment"], (1, 0)),
        (["LABEL_0", "LABEL_1"], ["negative", "positive"], None),
        (["positive", "pos"], ["negative", "positive"], None),
        (["negative", "positive", "neutral"], ["negative", "positive"], None),
        (["toxic", "positive"], ["negative", "positive"], None),
    ],
)
def test_label_order(names, labels, order):
    assert label_order(names, labels) == order


def test_an_order_puts_logits_where_the_task_has_its_labels():
    """Position of each label among the names: with three classes this differs from its inverse."""
    names, labels = ["b", "c", "a"], ["a", "b", "c"]
    order = label_order(names, labels)
    assert [names[position] for position in order] == labels


def test_a_finished_checkpoint_is_skipped_and_another_configuration_has_its_own_place(evaluate, swapped, tmp_path):
    assert evaluate(swapped).code == 0
    path, record = only_record(tmp_path / "out")
    before = path.read_bytes(), path.stat().st_mtime_ns
    again = json.loads(evaluate(swapped, "--json").out)
    assert (len(again["skipped"]), again["finished"], again["failed"]) == (1, [], [])
    assert evaluate(swapped, "--eval-size", 20).code == 0
    assert evaluate(swapped, "--name", "other").code == 0
    assert len(find_records(tmp_path / "out")) == 3
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert record.cell.method == "swapped"


def rows_of(folder):
    with (folder / "leaderboard.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_checkpoints_share_a_table_whatever_they_are(evaluate, tiny_backbone, swapped, tmp_path):
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

    distil = tmp_path / "distil"
    names = {0: "neg", 1: "pos"}
    shape = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 64}
    DistilBertForSequenceClassification(DistilBertConfig(vocab_size=26, id2label=names, **shape)).save_pretrained(
        distil
    )
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(distil)
    assert evaluate(swapped, "--name", "vanilla").code == 0
    done = evaluate(distil)
    assert done.code == 0, done.err
    from leaderboard.write import write_leaderboard

    (table,) = write_leaderboard([tmp_path / "out"], tmp_path / "out").leaderboard.tables
    assert {row.label for row in table.rows} == {"vanilla", "distil"}


def test_two_checkpoints_under_one_name_show_what_differs(evaluate, tiny_backbone, swapped, tmp_path):
    other = fine_tuned(tiny_backbone, tmp_path / "another", SWAPPED, steps=1, seed=5)
    assert evaluate(swapped, "--name", "same").code == 0
    done = evaluate(other, "--name", "same")
    assert done.code == 0, done.err
    from leaderboard.write import write_leaderboard

    (table,) = write_leaderboard([tmp_path / "out"], tmp_path / "out").leaderboard.tables
    assert len({row.label for row in table.rows}) == 2
    for row in table.rows:
        assert row.label.startswith("same (checkpoint=sha256:")
        assert len(row.label) < 60


def test_an_attack_and_a_set_of_ones_own_are_scored_too(evaluate, swapped, tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\nthe film is great,positive\nvery dull,negative\n", encoding="utf-8")
    done = evaluate(swapped, "--attack", "deepwordbug:4:50", "--eval-set", f"mine={tmp_path / 'mine.csv'}:shift")
    assert done.code == 0, done.err
    path, record = only_record(tmp_path / "out")
    assert record.evaluation_sets["mine"].rows == 2
    assert record.scores["acc_shift"].sets == ("other", "mine")
    (attack,) = record.attacks
    assert attack.succeeded + attack.failed + attack.skipped == 4
    assert (path.parent / attack.texts).is_file()


def rename(folder, names):
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content |= {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}
    path.write_text(json.dumps(content), encoding="utf-8")


def without_tokenizer(folder):
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink()


def without_head(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith("classifier")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def with_pickled_weights(folder):
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def with_adapter_alone(folder):
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}', encoding="utf-8")


def with_adapter_beside(folder):
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "x"}', "utf-8")


def with_foreign_tokenizer(folder):
    from transformers import BertTokenizerFast

    without_tokenizer(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(50))]))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)


def cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (lambda folder: rename(folder, ["neg", "neu", "pos"]), ["has 3 classes", "0 neg, 1 neu, 2 pos", "task has 2"]),
        (lambda folder: rename(folder, ["pos", "positive"]), ["cannot be told", "0 pos, 1 positive", "--labels"]),
        (without_tokenizer, ["checkpoint swapped", "tokenizer", "cannot be loaded"]),
        (without_head, ["lack classifier.bias, classifier.weight", "no fine-tuned sequence classifier"]),
        (with_pickled_weights, ["pytorch_model.bin", "pickle", "save_pretrained"]),
        (with_adapter_alone, ["PEFT adapter", "merge"]),
        (with_adapter_beside, ["PEFT adapter", "merge"]),
        (with_foreign_tokenizer, ["tokenizer has 55 tokens, the model 26"]),
        (cut_short, ["file model.safetensors cannot be loaded"]),
        (lambda folder: (folder / "model.safetensors").unlink(), ["no weights", "model.safetensors"]),
        (lambda folder: (folder / "config.json").write_text("{", "utf-8"), ["swapped", "cannot be loaded"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_checkpoints_that_cannot_be_used(evaluate, checkpoint, tmp_path, damage, parts):
    damage(checkpoint)
    assert_one_line(evaluate(checkpoint), *parts)
    assert find_records(tmp_path / "out") == []


def test_a_head_of_another_shape_than_the_configuration_says(evaluate, tiny_backbone, tmp_path):
    three = fine_tuned(tiny_backbone, tmp_path / "three", ["neg", "pos", "neutral"], steps=1)
    rename(three, ["neg", "pos"])
    assert_one_line(evaluate(three), "classifier.bias, classifier.weight have another shape")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--labels", "negative"], ["--labels negative", "negative,positive", "0 POSITIVE, 1 NEGATIVE"]),
        (["--labels", "negative,negative"], ["--labels negative,negative"]),
        (["--labels", "good,bad"], ["--labels good,bad", "0 POSITIVE, 1 NEGATIVE"]),
        (["--name", " "], ["--name", "printable"]),
        (["--name", "a\nb"], ["--name", "printable"]),
        (["--max-length", "65"], ["--max-length is 65", "checkpoint swapped has 64 positions"]),
        (["--max-length", "3"], ["max_length", "greater than or equal to 4"]),
        (["--revision", "main"], ["--revision main", "is a folder"]),
        (["--attack", "deepwordbugs:3"], ["unknown attack 'deepwordbugs'", "did you mean 'deepwordbug'?"]),
        (["--attack", "deepwordbug:0"], ["--attack", "examples", "greater than or equal to 1"]),
        (["--projection", "both"], ["projection", "'probabilities' or 'predictions'"]),
        (["--eval-size", "0"], ["evaluation_size", "greater than or equal to 1"]),
        (["--task", "tinyy"], ["unknown task 'tinyy'", "did you mean 'tiny'?"]),
        (["--mirror", "nowhere"], ["--mirror nowhere", "no such folder"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_mistakes_on_the_command_line(evaluate, swapped, tmp_path, options, parts):
    assert_one_line(evaluate(swapped, *options), *parts)
    assert find_records(tmp_path / "out") == []


def test_a_checkpoint_that_is_nowhere(evaluate, tmp_path):
    assert_one_line(evaluate(tmp_path / "nowhere"), "nowhere: there is no such folder", "hub id")
    assert_one_line(evaluate("someone/else"), "checkpoint someone/else", "hub")


def test_code_inside_a_checkpoint_never_runs(evaluate, checkpoint, tmp_path, monkeypatch):
    (checkpoint / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    path = checkpoint / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content |= {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.C", "AutoModelForSequenceClassification": "mine.M"},
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    assert_one_line(evaluate(checkpoint), "code of its own", "--trust-remote-code")
    assert not (tmp_path / "ran").exists()


def test_the_model_that_a_run_kept_scores_as_in_the_run(roast_bench, tiny_run, evaluate, tmp_path):
    assert roast_bench(*tiny_run, "--method", "vanilla", "--keep-model", "--out", tmp_path / "run").code == 0
    path, ran = only_record(tmp_path / "run")
    done = evaluate(path.parent / "model", "--name", "kept")
    assert done.code == 0, done.err
    _, evaluated = only_record(tmp_path / "out")
    assert evaluated.scores == ran.scores
    assert evaluated.evaluation_sets == ran.evaluation_sets


def test_a_checkpoint_in_the_hub_cache_at_a_revision(swapped, plugin, tmp_path):
    """Without a network the commit is that of the cache, and is the checkpoint's identity."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "home" / "hub" / "models--someone--tiny"
    shutil.copytree(swapped, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "best").write_text(commit, encoding="utf-8")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "benchmark", "evaluate", "someone/tiny", "--revision", "best", "--task", "tiny"]
    command += ["--plugin", plugin, "--max-length", "64", "--out", out]
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path, record = only_record(out)
    assert record.configuration.resolved["checkpoint"]["identity"] == f"hub:someone/tiny@{commit}"
    assert record.cell.method == "someone/tiny"
    assert path.parent.parent.name == "someone--tiny"
