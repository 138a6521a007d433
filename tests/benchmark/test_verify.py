"""`roast-bench verify`: the cell of a record, run again and compared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from elsewhere import fine_tuned
from pydantic_core import from_json
from test_user_mistakes import assert_one_line
from tiny_cells import PLUGIN, run_arguments

from benchmark.backbones import Backbone
from benchmark.differences import differences
from benchmark.planned import hash_of
from benchmark.stored_logits import read_logits, store_logits
from leaderboard.checksum import with_checksum
from leaderboard.record import find_records, read_record

METHODS = ("roast", "half-loss")


@pytest.fixture(scope="module")
def two_hash_seeds(tiny_backbone, tmp_path_factory):
    """Folders of the same run, in two processes that order their sets differently."""
    folder = tmp_path_factory.mktemp("verify")
    processes = []
    for seed in ("1", "2"):
        words = run_arguments(PLUGIN, tiny_backbone, folder / seed, attack="deepwordbug:6")
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "benchmark", *map(str, words), "--method", ",".join(METHODS)]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL))
    for process in processes:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said.decode()
    return [folder / "1", folder / "2"]


@pytest.fixture
def out(two_hash_seeds, tmp_path):
    """A copy of one of the runs to damage."""
    return Path(shutil.copytree(two_hash_seeds[0], tmp_path / "out"))


@pytest.fixture
def kept(two_hash_seeds):
    """The other run, as a rerun that was kept: to compare with it takes no time."""
    return two_hash_seeds[1]


def the_record(out, method="half-loss"):
    (path,) = find_records(out / "tiny" / "tiny-bert" / method)
    return path


def edit(path, change, *, sealed=True):
    """Change a record; ``sealed`` gives it the checksum that fits."""
    content = from_json(path.read_bytes())
    change(content)
    path.write_bytes(with_checksum(content) if sealed else json.dumps(content).encode())


@pytest.fixture
def verify(roast_bench):
    def invoke(*arguments, plugins=(PLUGIN,)):
        return roast_bench("verify", *arguments, *(word for file in plugins for word in ("--plugin", file)))

    return invoke


def of_record(path):
    """All of a record but when it was made and how long it took, and what hangs on these."""
    content = from_json(path.read_bytes())
    for key in ("started", "seconds", "peak_memory_bytes", "checksum"):
        content.pop(key)
    for timed in (content["training"], *content["attacks"]):
        timed.pop("seconds")
        timed.pop("processor_seconds", None)
    content["configuration"].pop("given")
    return content


def test_the_order_of_sets_in_memory_plays_no_part(two_hash_seeds):
    """PYTHONHASHSEED: records, logits and attacked texts, byte for byte."""
    one, two = two_hash_seeds
    for method in METHODS:
        first, second = the_record(one, method), the_record(two, method)
        assert list(differences(of_record(first), of_record(second))) == []
    files = {path.relative_to(one) for suffix in ("npz", "parquet") for path in one.rglob(f"*.{suffix}")}
    assert len(files) == 2 * (3 + 1)
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes(), file


def test_a_cell_alone_equals_the_same_cell_after_another_in_one_process(verify, out):
    """The run made half-loss after roast, in a process of its own; the rerun makes it alone, in this one."""
    path = the_record(out)
    assert from_json(path.read_bytes())["started"] >= from_json(the_record(out, "roast").read_bytes())["started"]
    before = path.read_bytes()
    done = verify(path.parent)
    assert done.code == 0, done
    assert "verified: 3 of 3 sets equal to the bit, 5 of 5 sets of texts the same" in done.out
    assert "1 of 1 attacks equal" in done.out
    assert path.read_bytes() == before


def test_what_was_kept_is_gone_on_with_and_compared_without_running_again(verify, out, tmp_path):
    folder = tmp_path / "again"
    assert verify(the_record(out), "--out", folder).code == 0
    (again,) = find_records(folder)
    assert again.parent.relative_to(folder) == the_record(out).parent.relative_to(out)
    before = again.stat().st_mtime_ns
    done = verify(the_record(out), "--out", folder)
    assert done.code == 0
    assert str(again) in done.out
    assert again.stat().st_mtime_ns == before


def test_each_difference_is_named(verify, out, kept):
    path = the_record(out)
    whole = path.read_bytes()

    def then(change):
        path.write_bytes(whole)
        edit(path, change)
        done = verify(path, "--out", kept, "--json")
        assert done.code == 1, done
        return json.loads(done.out)

    def score(content):
        content["set_scores"]["test"]["nll"]["value"] = 0.25

    found = then(score)
    assert (found["equal"], found["scores"]["equal"]) == (False, found["scores"]["compared"] - 1)
    (difference,) = found["scores"]["differences"]
    assert (difference["where"], difference["record"]) == ("set_scores.test.nll.value", 0.25)
    assert difference["rerun"] == from_json(whole)["set_scores"]["test"]["nll"]["value"]

    def trained(content):
        content["training"]["loss"] += 1e-15
        content["training"]["kept_epoch"] = 7
        content["training"]["resumed"] = True

    where = [item["where"] for item in then(trained)["training"]["differences"]]
    assert where == ["training.kept_epoch", "training.loss"], "not whether it was interrupted"

    def texts(content):
        content["training_data"]["train"]["sha256"] = "0" * 64
        del content["evaluation_sets"]["odd"]

    where = [item["where"] for item in then(texts)["data"]["differences"]]
    assert where == ["training_data.train.sha256", "evaluation_sets.odd"]

    def attacked(content):
        content["attacks"][0]["succeeded"] += 1

    where = [item["where"] for item in then(attacked)["attacks"]["differences"]]
    assert where == ["attacks.0.deepwordbug.succeeded"]

    def other_times(content):
        content["seconds"] = {"loading": 1e6}
        content["peak_memory_bytes"] = 1
        content["attacks"][0]["seconds"] = 1e6
        content["machine"]["processor"] = "another"
        content["code"]["dirty"] = None

    path.write_bytes(whole)
    edit(path, other_times)
    done = verify(path, "--out", kept, "--json")
    assert done.code == 0, "times, memory and machine are no results"
    where = {item["where"] for item in json.loads(done.out)["circumstances"]}
    assert {"machine.processor", "code.dirty"} >= where >= {"machine.processor"}
    assert "machine.processor another → " in verify(path, "--out", kept).out


def test_logits_are_compared_row_by_row_where_they_are_there(verify, out, kept):
    path = the_record(out)
    assert verify(path, "--out", kept).code == 0
    file = path.parent / "logits" / "test.npz"
    logits, labels = read_logits(file)
    # As an honest record of another machine: two logits in the last bits, and one row that crosses the line.
    logits[0, 0] = np.nextafter(logits[0, 0], np.float32(9))
    logits[1] = logits[1][::-1]
    largest = float(abs(np.float64(logits[1, 0]) - np.float64(logits[1, 1])))
    digest = store_logits(file, logits, tuple(labels))

    def honest(content):
        content["evaluation_sets"]["test"]["logits_sha256"] = digest

    edit(path, honest)
    done = verify(path, "--out", kept, "--json")
    assert done.code == 1
    found = json.loads(done.out)["logits"]
    assert found["test"] == {
        "equal": False,
        "rows": 40,
        "other_class": 1,
        "largest_difference": largest,
        "note": None,
    }
    assert found["other"]["equal"]
    done = verify(path, "--out", kept)
    assert "logits of test: 1 of 40 rows of another class; largest difference" in done.out
    assert "differs: 2 of 3 sets equal to the bit" in done.out
    # Published without logits: the hash alone tells.
    shutil.rmtree(path.parent / "logits")
    found = json.loads(verify(path, "--out", kept, "--json").out)["logits"]
    assert (found["test"]["equal"], found["test"]["other_class"]) == (False, None)
    assert "only the hashes" in found["test"]["note"]
    assert found["other"] == {
        "equal": True,
        "rows": 30,
        "other_class": None,
        "largest_difference": None,
        "note": None,
    }


def test_a_record_published_without_its_files_is_verified_by_hashes(verify, out, kept, tmp_path):
    alone = tmp_path / "published" / "record.json"
    alone.parent.mkdir()
    shutil.copy(the_record(out), alone)
    done = verify(alone, "--out", kept)
    assert done.code == 0, done
    assert "verified: 3 of 3 sets equal to the bit" in done.out


def test_files_that_are_not_what_the_record_says_are_told_of(verify, out, kept):
    path = the_record(out)
    assert verify(path, "--out", kept).code == 0
    file = path.parent / "logits" / "other.npz"
    file.write_bytes(file.read_bytes()[:-7])
    done = verify(path, "--out", kept)
    assert done.code == 1
    assert "logits of other: other.npz beside the record: has sha256" in done.out
    assert "it is not what was scored" in done.out


def test_attacked_texts_are_compared_one_by_one(verify, out, kept):
    import pyarrow
    import pyarrow.parquet

    path = the_record(out)
    assert verify(path, "--out", kept).code == 0
    file = path.parent / "attacks" / "deepwordbug.parquet"
    whole = file.read_bytes()
    rows = pyarrow.parquet.read_table(file).to_pylist()
    rows[0]["attacked_text"] += " indeed"
    rows[1]["outcome"] = "failed" if rows[1]["outcome"] == "succeeded" else "succeeded"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    done = verify(path, "--out", kept)
    assert done.code == 1
    assert "deepwordbug.parquet beside the record: has sha256" in done.out

    def without_hash(content):
        content["attacks"][0]["texts_sha256"] = None

    edit(path, without_hash)
    done = verify(path, "--out", kept)
    assert done.code == 1
    assert "1 examples with another outcome, 1 with another text" in done.out
    # The same rows in a file of other bytes are the same.
    file.write_bytes(whole)
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(file), file, compression="none")
    assert file.read_bytes() != whole
    assert verify(path, "--out", kept).code == 0
    file.write_bytes(b"PAR1")
    done = verify(path, "--out", kept)
    assert done.code == 1
    assert "is not a file of attacked texts" in done.out


def test_a_changed_record_is_refused(verify, out):
    path = the_record(out)
    whole = path.read_bytes()

    def score(content):
        content["scores"]["acc_in"]["value"] = 100.0

    edit(path, score, sealed=False)
    assert_one_line(verify(path), str(path), "checksum", "changed")

    def configuration(content):
        content["configuration"]["resolved"]["training"]["learning_rate"] = 0.5

    path.write_bytes(whole)
    edit(path, configuration)
    assert_one_line(verify(path), str(path), "configuration.resolved", "config_hash", "changed")


def test_another_version_of_a_plugin_is_named(verify, out, plugin):
    path = the_record(out)
    plugin.write_text(PLUGIN.read_text(encoding="utf-8").replace("0.5, gt=0", "0.25, gt=0"), encoding="utf-8")
    digest = read_record(path).configuration.resolved["method_source"]
    done = verify(path, plugins=[plugin])
    assert_one_line(done, str(path), "method_source", f"{digest[:12]}… → ", "plugin_sources.task tiny", "--plugin")


def test_what_makes_it_another_cell_is_named(verify, out, tiny_backbone, tmp_path):
    path = the_record(out)
    other = shutil.copytree(tiny_backbone, tmp_path / "tiny-bert")
    (other / "vocab.txt").write_text((other / "vocab.txt").read_text(encoding="utf-8") + "\nmore", encoding="utf-8")
    done = verify(path, "--backbone", other)
    assert_one_line(done, "backbone.identity sha256:", " → sha256:", "--backbone")
    assert "plugin" not in done.err

    def setting_of_the_future(content):
        resolved = content["configuration"]["resolved"]
        resolved["training"]["weight_decay"] = 1
        resolved["notes"] = None
        content["cell"]["config_hash"] = hash_of(resolved)

    edit(path, setting_of_the_future)
    assert_one_line(verify(path), "training.weight_decay 1 → 1.0", "notes null → (absent)")


def test_a_missing_plugin_is_named(verify, out):
    path = the_record(out)
    digest = read_record(path).configuration.resolved["method_source"][:12]
    done = verify(path, plugins=[])
    assert_one_line(done, str(path), "unknown task 'tiny'", "--plugin", f"method half-loss {digest}…")


def test_a_backbone_that_moved_is_named_by_its_folder(verify, out, tiny_backbone, tmp_path):
    path = the_record(out)
    moved = shutil.copytree(tiny_backbone, tmp_path / "another-name")

    def gone(content):
        content["configuration"]["given"]["backbones"] = ["/nowhere/tiny-bert"]

    edit(path, gone)
    assert_one_line(verify(path), "/nowhere/tiny-bert", "--backbone")
    done = verify(path, "--backbone", moved)
    assert done.code == 0, done


def test_a_hub_backbone_is_taken_at_the_records_commit(out, monkeypatch):
    """The branch has moved on since; the hub is played by the two functions that ask it."""
    from benchmark import recorded_cell
    from benchmark.plugins import load_plugin

    load_plugin(PLUGIN)
    path = the_record(out)

    def on_the_hub(content):
        resolved = content["configuration"]["resolved"]
        resolved["backbone"] = {"name": "them/bert", "identity": "hub:them/bert@0ld"}
        content["configuration"]["given"]["backbones"] = ["them/bert"]
        content["cell"]["config_hash"] = hash_of(resolved)

    edit(path, on_the_hub)
    asked = []
    monkeypatch.setattr(recorded_cell, "commit_on_hub", lambda *words: asked.append(words))
    monkeypatch.setattr(
        "benchmark.plan.locate", lambda name, *_: Backbone(name, name, f"hub:{name}@new", None, revision="new")
    )
    record = recorded_cell.read_finished(path)
    cell = recorded_cell.plan_again(path, record, recorded_cell.Places())
    assert (cell.backbone.identity, cell.backbone.revision) == ("hub:them/bert@0ld", "0ld")
    assert asked == [("backbone", "them/bert", "0ld")]


def test_the_number_of_threads_is_the_records(verify, out, kept, monkeypatch):
    """Small products are slow in more threads than cores are free, so the cell is not run here."""
    from benchmark import verification

    path = the_record(out)

    def two_threads(content):
        content["machine"]["threads"] = 2

    computed_in = []
    monkeypatch.setattr(verification, "run_cells", lambda *_, **__: computed_in.append(torch.get_num_threads()))
    edit(path, two_threads)
    done = verify(path, "--out", kept)
    assert "threads: 2, as for the record; by default 1 here." in done.err
    assert (computed_in, torch.get_num_threads()) == ([2], 1)
    assert "machine.threads 2 → 1" in done.out


def test_a_rerun_that_fails_is_a_difference(verify, out, monkeypatch):
    from benchmark.prediction import Predictor

    def broken(*_, **__):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(Predictor, "predict", broken)
    done = verify(the_record(out))
    assert done.code == 1
    assert "differs: the record's cell finished; now it fails (RuntimeError: the disk is on fire)." in done.out
    done = verify(the_record(out), "--json")
    found = json.loads(done.out)
    assert (done.code, found["equal"], found["status"]) == (1, False, "failed")
    assert found["failure"]["message"] == "the disk is on fire"


def test_a_failed_cell_has_nothing_to_verify(verify, out):
    path = the_record(out)

    def failed(content):
        content["status"] = "failed"
        content["failure"] = {"kind": "ValueError", "message": "no luck", "traceback": "…"}

    edit(path, failed)
    assert_one_line(verify(path), str(path), "ValueError: no luck", "roast-bench run")


def test_a_record_is_not_compared_with_itself(verify, out, tmp_path):
    path = the_record(out)
    assert_one_line(verify(path, "--out", out), "--out", "itself")
    copy = shutil.copytree(out, tmp_path / "copy")
    assert_one_line(verify(path, "--out", copy), "--out", "copy of the record")


def test_mistakes_in_naming_the_record(verify, out, tmp_path):
    assert_one_line(verify(tmp_path / "nowhere"), "nowhere", "there is no record.json")
    assert_one_line(verify(out), "2 below it", str(the_record(out).parent))


@pytest.fixture
def nothing_is_run(monkeypatch):
    monkeypatch.setattr("benchmark.verification.run_cells", lambda *_, **__: pytest.fail("the cell was run"))


def test_a_file_name_that_leads_out_of_the_folder_is_refused(verify, out, kept, nothing_is_run):
    path = the_record(out)

    def escaping(content):
        content["evaluation_sets"]["test"]["logits"] = "../../../../secret.npz"

    edit(path, escaping)
    assert_one_line(verify(path, "--out", kept), "../../../../secret.npz", "not below")


@pytest.mark.parametrize("threads", [3_000, 10**10])
def test_a_record_does_not_start_thousands_of_threads(verify, out, kept, nothing_is_run, threads):
    path = the_record(out)

    def many(content):
        content["machine"]["threads"] = threads

    edit(path, many)
    assert_one_line(verify(path, "--out", kept), str(path), f"machine.threads is {threads:,}")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("task", 3),
        ("method", None),
        ("seed", -1),
        ("training", None),
        ("training", {"epochs": "many"}),
        ("attacks", {}),
        ("backbone", "minilm"),
        ("hyper_parameters", []),
        ("checkpoint", {}),
        ("checkpoint", {"name": "x", "identity": "y", "labels": 3}),
    ],
)
def test_a_configuration_that_makes_no_sense_is_one_line(verify, out, key, value):
    path = the_record(out)

    def nonsense(content):
        content["configuration"]["resolved"][key] = value
        content["cell"]["config_hash"] = hash_of(content["configuration"]["resolved"])

    edit(path, nonsense)
    assert_one_line(verify(path), str(path))


def test_an_evaluation_set_of_ones_own_may_have_moved(verify, roast_bench, tiny_backbone, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("text,label\nthe film is good,positive\nthe film is bad,negative\n", encoding="utf-8")
    words = run_arguments(PLUGIN, tiny_backbone, tmp_path / "out", epochs=1)
    assert roast_bench(*words, "--method", "vanilla", "--eval-set", f"mine={mine}:shift").code == 0
    (path,) = find_records(tmp_path / "out")
    assert verify(path).code == 0
    moved = mine.rename(tmp_path / "moved.csv")
    assert_one_line(verify(path), "mine.csv")
    assert verify(path, "--eval-set", f"mine={moved}:shift").code == 0
    moved.write_text("text,label\nthe film is good,positive\nthe film is poor,negative\n", encoding="utf-8")
    done = verify(path, "--eval-set", f"mine={moved}:shift")
    assert_one_line(done, "files.mine", " → ", "--eval-set")


def test_a_record_of_a_checkpoint(verify, roast_bench, tiny_backbone, tmp_path):
    checkpoint = fine_tuned(tiny_backbone, tmp_path / "theirs", ["POSITIVE", "NEGATIVE"], steps=5)
    words = ["--task", "tiny", "--plugin", PLUGIN, "--max-length", 64, "--eval-size", 20, "--name", "shown"]
    assert roast_bench("evaluate", checkpoint, *words, "--out", tmp_path / "out").code == 0
    (path,) = find_records(tmp_path / "out")
    done = verify(path, "--out", tmp_path / "again")
    assert done.code == 0, done
    assert "verified: 3 of 3 sets equal to the bit, 3 of 3 sets of texts the same, " in done.out
    assert "training" not in done.out
    moved = checkpoint.rename(tmp_path / "moved")
    assert verify(path, "--checkpoint", moved).code == 0
    assert_one_line(verify(path, "--backbone", moved), "--checkpoint")
    assert_one_line(verify(path), str(path), "theirs")
    other = fine_tuned(tiny_backbone, tmp_path / "theirs", ["POSITIVE", "NEGATIVE"], steps=6)
    assert_one_line(verify(path), "checkpoint.identity", "--checkpoint")
    assert other.is_dir()


def test_differences_are_exact_and_keep_null_from_absent():
    old = {"a": 1.0, "b": {"c": [1, 2]}, "d": None, "same": [{"x": True}]}
    new = {"a": 1, "b": {"c": [1, 3]}, "e": None, "same": [{"x": True}]}
    assert list(map(str, differences(old, new))) == [
        "a 1.0 → 1",
        "b.c.1 2 → 3",
        "d null → (absent)",
        "e (absent) → null",
    ]
    assert [item.where for item in differences({"v": 0.1 + 0.2}, {"v": 0.3})] == ["v"]
    assert [item.where for item in differences([1, 2], [1])] == [""]
