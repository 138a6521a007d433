"""`roast-bench run` on a tiny task: what a user sees, finds and keeps."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.backbones import locate
from benchmark.live_attacks import file_name
from benchmark.plan import plan
from benchmark.run import serialised
from benchmark.suite import Suite
from leaderboard.record import find_records, read_record


def records(folder: Path):
    return {(record.cell.method, record.cell.seed): record for record in map(read_record, find_records(folder))}


def test_a_method_from_a_file_is_run_and_ranked_beside_vanilla(roast_bench, tiny_run, tmp_path):
    options = ["--method", "vanilla,half-loss", "--seeds", "0,1", "--set", "half-loss.share=0.25", "--epochs", "12"]
    done = roast_bench(*tiny_run, *options)
    assert done.code == 0, done.err
    found = records(tmp_path / "out")
    assert set(found) == {(method, seed) for method in ("vanilla", "half-loss") for seed in (0, 1)}
    for record in found.values():
        assert record.status == "finished"
        assert record.scores["acc_in"].value > 80
        assert record.evaluation_sets["test"].rows == 40
        assert record.training.steps == 12 * (114 // 8)
    mine = found["half-loss", 0]
    assert mine.configuration.resolved["hyper_parameters"] == {"share": 0.25}
    assert len(mine.configuration.resolved["method_source"]) == 64
    for line in ("vanilla", "half-loss"):
        assert line in done.out
    for file in ("LEADERBOARD.md", "leaderboard.csv", "leaderboard.html"):
        assert (tmp_path / "out" / file).is_file()
        assert file in done.out


def test_finished_cells_are_skipped_and_their_files_untouched(roast_bench, tiny_run, tmp_path):
    assert roast_bench(*tiny_run, "--method", "vanilla").code == 0
    (path,) = find_records(tmp_path / "out")
    before = path.read_bytes(), path.stat().st_mtime_ns
    again = roast_bench(*tiny_run, "--method", "vanilla", "--json")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    summary = json.loads(again.out)
    assert (len(summary["skipped"]), summary["finished"], summary["failed"]) == (1, [], [])


def test_a_changed_setting_is_another_cell(roast_bench, tiny_run, tmp_path):
    assert roast_bench(*tiny_run, "--method", "vanilla").code == 0
    assert roast_bench(*tiny_run, "--method", "vanilla", "--max-length", "32").code == 0
    assert len(find_records(tmp_path / "out")) == 2


@pytest.mark.parametrize("method", ["half-loss", "vanilla"])
def test_a_changed_plugin_is_another_cell(roast_bench, tiny_run, plugin, tmp_path, method):
    """It may bring the method or, as here for vanilla too, the task."""
    assert roast_bench(*tiny_run, "--method", method).code == 0
    from methods import methods
    from tasks import tasks

    del methods["half-loss"], tasks["tiny"]
    plugin.write_text(plugin.read_text(encoding="utf-8") + "\n# another version\n", encoding="utf-8")
    assert roast_bench(*tiny_run, "--method", method).code == 0
    assert len(find_records(tmp_path / "out")) == 2


def test_nan_loss_fails_its_cell_with_the_step_and_the_others_go_on(roast_bench, tiny_run, plugin, tmp_path):
    plugin.write_text(
        plugin.read_text(encoding="utf-8")
        + '''
@register("explodes")
class Explodes(Method):
    """NaN in the fifth step."""

    def loss(self, model, batch):
        self.steps = getattr(self, "steps", 0) + 1
        return model(**batch).loss * (float("nan") if self.steps == 5 else 1)
''',
        encoding="utf-8",
    )
    done = roast_bench(*tiny_run, "--method", "explodes,vanilla")
    assert done.code == 1
    found = records(tmp_path / "out")
    assert found["vanilla", 0].status == "finished"
    failure = found["explodes", 0].failure
    assert (failure.kind, failure.message) == ("NonFiniteLossError", "step 5: the training loss is nan")
    assert "Traceback" in failure.traceback
    assert "step 5" in done.err
    assert "step 5" in done.out

    again = roast_bench(*tiny_run, "--method", "explodes,vanilla", "--json")
    summary = json.loads(again.out)
    assert (len(summary["failed"]), len(summary["skipped"])) == (1, 1)


KILLER = '''
import os, signal

@register("killed")
class Killed(Method):
    """Dies in step 18, in the second epoch, where told to."""

    def transform_gradients(self, model):
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == 18 and "KILL_ME" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
'''


def test_kill_in_the_second_cell_keeps_the_first_and_ends_in_the_same_logits(tiny_run, plugin, tmp_path):
    plugin.write_text(plugin.read_text(encoding="utf-8") + KILLER, encoding="utf-8")

    def run(out: str, **environment: str) -> int:
        command = [*map(str, tiny_run[:-1]), str(tmp_path / out), "--method", "vanilla,killed"]
        return subprocess.run(
            [sys.executable, "-m", "benchmark", *command],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            check=False,
        ).returncode

    assert run("broken", KILL_ME="1") == -signal.SIGKILL
    (first,) = find_records(tmp_path / "broken")
    assert "vanilla" in first.parts
    before = first.read_bytes()
    (killed,) = (tmp_path / "broken" / "tiny" / "tiny-bert" / "killed").iterdir()
    assert list((killed / "checkpoint").glob("checkpoint-*/trainer_state.json"))

    assert run("broken") == 0
    assert run("whole") == 0
    assert first.read_bytes() == before
    assert not (killed / "checkpoint").exists()
    resumed, whole = records(tmp_path / "broken")["killed", 0], records(tmp_path / "whole")["killed", 0]
    assert resumed.scores == whole.scores
    assert (resumed.training.resumed, whole.training.resumed) == (True, False)
    assert resumed.training.seconds > 0
    same_but_for = {key: getattr(whole.training, key) for key in ("resumed", "seconds", "processor_seconds")}
    assert resumed.training.model_copy(update=same_but_for) == whole.training
    assert {name: part.logits_sha256 for name, part in resumed.evaluation_sets.items()} == {
        name: part.logits_sha256 for name, part in whole.evaluation_sets.items()
    }


ODD_REPORT = """
@register("odd-report")
class OddReport(Method):
    def report(self):
        return {"thing": object()}
"""


def test_a_report_that_is_not_json_fails_its_cell_alone(roast_bench, tiny_run, plugin, tmp_path):
    plugin.write_text(plugin.read_text(encoding="utf-8") + ODD_REPORT, encoding="utf-8")
    assert roast_bench(*tiny_run, "--method", "odd-report,vanilla").code == 1
    assert {method: record.status for (method, _), record in records(tmp_path / "out").items()} == {
        "odd-report": "failed",
        "vanilla": "finished",
    }


@pytest.mark.parametrize("message", ['"a file \\udcff of mine"', '"x" * 17_000_000'])
def test_an_error_that_no_record_can_hold_as_it_is_fails_its_cell_alone(
    roast_bench, tiny_run, plugin, tmp_path, message
):
    plugin.write_text(
        plugin.read_text().replace("return self.share * model(**batch).loss", f"raise ValueError({message})")
    )
    for _ in range(2):  # the record of the first run is read by the second
        done = roast_bench(*tiny_run, "--method", "half-loss,vanilla")
        assert done.code == 1
        assert "Traceback" not in done.err
        assert len(done.err) < 10_000
    failed, finished = sorted(records(tmp_path / "out").values(), key=lambda record: record.cell.method)
    assert (failed.status, finished.status) == ("failed", "finished")
    assert failed.failure.kind == "ValueError"
    assert failed.failure.message[:3] in ("a f", "xxx")


def test_a_record_that_would_be_too_long_to_be_read_leaves_out_predictions(
    roast_bench, tiny_run, tmp_path, monkeypatch
):
    assert roast_bench(*tiny_run, "--method", "vanilla", "--seeds", "0").code == 0
    ((_, whole),) = records(tmp_path / "out").items()
    monkeypatch.setattr("benchmark.run.LONGEST", len(serialised(whole)) - 100)
    done = roast_bench(*tiny_run, "--method", "vanilla", "--seeds", "1")
    assert done.code == 0, done.err
    assert "no single predictions in the record, for it would be too long: test\n" in done.err
    record = records(tmp_path / "out")["vanilla", 1]
    assert [name for name, item in record.evaluation_sets.items() if item.compact_logits is None] == ["test"]
    assert len(serialised(record)) <= len(serialised(whole)) - 100


def test_a_changed_backbone_configuration_is_another_cell(roast_bench, tiny_run, tiny_backbone, tmp_path):
    folder = tmp_path / "tiny-bert"
    shutil.copytree(tiny_backbone, folder)
    arguments = [*tiny_run, "--method", "vanilla", "--backbone", folder]
    assert roast_bench(*arguments).code == 0
    configuration = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**configuration, "hidden_dropout_prob": 0.3}), encoding="utf-8")
    locate.cache_clear()
    assert roast_bench(*arguments).code == 0
    assert len(find_records(tmp_path / "out")) == 2


def test_two_budgets_of_one_attack_keep_their_texts_apart():
    small, large = {"recipe": "deepwordbug", "examples": 3}, {"recipe": "deepwordbug", "examples": 5, "max_queries": 20}
    suite = {"name": "x", "tasks": ["reviews"], "backbones": ["minilm"], "methods": ["vanilla"], "seeds": [0]}
    (cell,) = plan(Suite.model_validate({**suite, "attacks": [small, large, small]}))
    assert [file_name(settings, cell.attacks) for settings in cell.attacks] == [
        "deepwordbug-3-unlimited-seed-0",
        "deepwordbug-5-20-seed-0",
    ]


def test_scores_follow_from_the_stored_logits(roast_bench, tiny_run, tmp_path):
    assert roast_bench(*tiny_run, "--method", "vanilla").code == 0
    (path,) = find_records(tmp_path / "out")
    record = read_record(path)
    with np.load(path.parent / "logits" / "test.npz") as stored:
        share = float((stored["logits"].argmax(1) == stored["labels"]).mean())
    assert record.scores["acc_in"].value == pytest.approx(100 * share)
    assert record.set_scores["test"]["accuracy"].value == pytest.approx(100 * share)
    assert record.scores["acc_adv"].value is None
    assert record.scores["acc_adv"].reason
    with np.load(path.parent / "logits" / "odd.npz") as stored:
        assert "labels" not in stored


def test_the_whole_selection_slice_chooses_the_epoch(roast_bench, tiny_run, tmp_path):
    """Its last partial batch is not dropped, unlike in training."""
    assert roast_bench(*tiny_run, "--method", "vanilla").code == 0
    record = read_record(find_records(tmp_path / "out")[0])
    assert record.training_data["selection"].rows == 6
    assert len(record.training.selection_accuracy) == 2
    for accuracy in record.training.selection_accuracy:
        assert accuracy * 6 / 100 == pytest.approx(round(accuracy * 6 / 100))
    best = max(record.training.selection_accuracy)
    assert record.training.kept_epoch == max(
        epoch for epoch, accuracy in enumerate(record.training.selection_accuracy, start=1) if accuracy == best
    )


def test_keep_model_saves_what_the_logits_came_from(roast_bench, tiny_run, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from benchmark.prediction import Predictor
    from tasks import tasks

    assert roast_bench(*tiny_run, "--method", "vanilla", "--keep-model").code == 0
    (path,) = find_records(tmp_path / "out")
    model = AutoModelForSequenceClassification.from_pretrained(path.parent / "model")
    tokenizer = AutoTokenizer.from_pretrained(path.parent / "model")
    assert model.config.id2label == {0: "negative", 1: "positive"}
    texts = tasks["tiny"]().evaluation_sets[0].source.load(None).examples
    with np.load(path.parent / "logits" / "test.npz") as stored:
        np.testing.assert_array_equal(Predictor(model, tokenizer, 128).predict(texts).logits, stored["logits"])
