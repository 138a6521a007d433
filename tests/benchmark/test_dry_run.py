"""`roast-bench run --plan`: what it says, where its times come from, and that it leaves everything as it was."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.dry_run.estimate import elapsed
from benchmark.dry_run.units_beforehand import units_beforehand
from leaderboard.checksum import with_checksum
from leaderboard.record import find_records
from methods import methods

ONE_EPOCH = ("--method", "vanilla", "--epochs", 1)


def content_of(folder: Path) -> dict[str, str]:
    """Every file and folder below, with what it holds and when it was changed."""
    return {
        str(path.relative_to(folder)): f"{path.stat().st_mtime_ns} "
        + (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder")
        for path in folder.rglob("*")
    }


@pytest.fixture
def change_record(tmp_path):
    """Change values of the only record."""

    def change(**changes):
        (path,) = find_records(tmp_path / "out")
        content = json.loads(path.read_text(encoding="utf-8"))
        content.pop("checksum", None)
        for key, value in changes.items():
            content[key] = value(content[key]) if callable(value) else {**content[key], **value}
        path.write_bytes(with_checksum(content))

    return change


@pytest.fixture
def attacked_run(tiny_run):
    """Arguments of a tiny run that leave the attack open."""
    place = tiny_run.index("--attack")
    return tiny_run[:place] + tiny_run[place + 2 :]


@pytest.fixture
def planned(roast_bench, tiny_run, attacked_run):
    """The plan, as a program reads it."""

    def plan(*options):
        arguments = attacked_run if "--attack" in options else tiny_run
        done = roast_bench(*arguments, *options, "--plan", "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    return plan


def test_a_plan_says_what_is_to_do_and_writes_nothing(roast_bench, tiny_run, tmp_path):
    done = roast_bench(*tiny_run, "--method", "vanilla,half-loss", "--seeds", "0,1", "--plan")
    assert done.code == 0, done.err
    rows = [line for line in done.out.splitlines() if line.startswith("tiny ")]
    assert [re.split(r"\s{2,}", row)[2:5] for row in rows] == [
        [method, seed, "to do"] for seed in "01" for method in ("vanilla", "half-loss")
    ]
    assert all(row.endswith("measurement") for row in rows)
    assert "Cells: 4 to do." in done.out
    assert "measuring task tiny on" in done.err
    assert done.err.count("measuring") == 1
    assert not (tmp_path / "out").exists()


def test_finished_cells_take_no_time_and_others_are_estimated_from_their_records(roast_bench, tiny_run, tmp_path):
    assert roast_bench(*tiny_run, *ONE_EPOCH).code == 0
    before = content_of(tmp_path / "out")
    done = roast_bench(*tiny_run, *ONE_EPOCH, "--seeds", "0,1", "--plan")
    first, second = [line for line in done.out.splitlines() if line.startswith("tiny ")]
    assert "finished" in first
    assert "record" not in first
    assert second.endswith("1 record")
    assert "measuring" not in done.err
    assert "Cells: 1 finished, 1 to do." in done.out
    assert content_of(tmp_path / "out") == before


def test_times_of_records_grow_with_the_steps(roast_bench, tiny_run, change_record, planned):
    assert roast_bench(*tiny_run, *ONE_EPOCH).code == 0
    change_record(seconds=lambda _: {"loading": 1, "fine-tuning": 100, "prediction": 20, "attacks": 0, "scoring": 2})
    (cell,) = planned("--method", "vanilla", "--epochs", 3)["cells"]
    assert cell["seconds"] == {"fine-tuning": 300, "prediction": 20, "attacks": 0, "other": 3}
    assert set(cell["source"].values()) == {"records"}
    assert (cell["records"], cell["seconds_in_all"]) == (1, 323)


def test_prediction_of_fewer_texts_takes_less(roast_bench, tiny_run, change_record, planned):
    assert roast_bench(*tiny_run, *ONE_EPOCH).code == 0
    change_record(seconds={"prediction": 70.0})
    (cell,) = planned(*ONE_EPOCH, "--eval-size", 10)["cells"]
    assert 15 < cell["seconds"]["prediction"] < 32  # 23 of 73 texts, which are not equally long
    assert cell["source"]["prediction"] == "records"


@pytest.mark.parametrize(
    "changes",
    [
        {"machine": {"processor": "another"}},
        {"machine": {"threads": 96}},
        {"machine": {"device": "another"}},
        {"training": {"resumed": True}},
    ],
    ids=["processor", "threads", "device", "resumed"],
)
def test_times_of_other_machines_and_of_resumed_trainings_are_not_used(
    roast_bench, tiny_run, change_record, planned, changes
):
    assert roast_bench(*tiny_run, *ONE_EPOCH).code == 0
    change_record(**changes)
    _, cell = planned(*ONE_EPOCH, "--seeds", "0,1")["cells"]
    assert set(cell["source"].values()) == {"measurement"}
    assert cell["records"] == 0


@pytest.mark.parametrize("option", [("--batch-size", 4), ("--max-length", 32), ("--train-size", 50)])
def test_times_of_other_training_settings_are_not_used(roast_bench, tiny_run, planned, option):
    assert roast_bench(*tiny_run, *ONE_EPOCH).code == 0
    (cell,) = planned(*ONE_EPOCH, *option)["cells"]
    assert set(cell["source"].values()) == {"measurement"}


def test_hyper_parameters_count_where_they_change_the_passes_of_a_step(roast_bench, tiny_run, planned):
    assert roast_bench(*tiny_run, "--method", "freelb", "--epochs", 1).code == 0
    (strength,) = planned("--method", "freelb", "--epochs", 1, "--set", "freelb.step_size=0.02")["cells"]
    (passes,) = planned("--method", "freelb", "--epochs", 1, "--set", "freelb.ascent_steps=5")["cells"]
    assert (strength["source"]["fine-tuning"], passes["source"]["fine-tuning"]) == ("records", "measurement")


def test_records_of_another_folder(roast_bench, tiny_run, planned, tmp_path):
    assert roast_bench(*tiny_run, *ONE_EPOCH).code == 0
    elsewhere = ("--out", tmp_path / "new", "--seeds", 7)
    (cell,) = planned(*ONE_EPOCH, *elsewhere)["cells"]
    assert set(cell["source"].values()) == {"measurement"}
    (cell,) = planned(*ONE_EPOCH, *elsewhere, "--times-from", tmp_path / "out")["cells"]
    assert set(cell["source"].values()) == {"records"}
    assert not (tmp_path / "new").exists()


def test_a_method_costs_the_vanilla_steps_that_it_claims(planned):
    content = planned("--method", "vanilla,freelb,roast-selective", "--epochs", 100)
    vanilla, freelb, selective = (cell["seconds"]["fine-tuning"] for cell in content["cells"])
    step = content["measurements"][0]["vanilla_step"]
    assert freelb - vanilla == pytest.approx(2 * 1400 * step, rel=1e-3)
    assert selective - vanilla == pytest.approx(14 * step, rel=0.2)


def test_passes_beforehand_are_counted():
    assert units_beforehand(methods["vanilla"]()) == 0
    assert units_beforehand(methods["freelb"]()) == 0
    assert units_beforehand(methods["roast"]()) == pytest.approx(3, rel=0.1)
    assert units_beforehand(methods["childtuning-d"]()) == pytest.approx(3, rel=0.2)
    assert units_beforehand(methods["lp-ft"]()) > 0.9


def test_the_price_of_the_hours(roast_bench, tiny_run, change_record, planned):
    assert roast_bench(*tiny_run, *ONE_EPOCH).code == 0
    change_record(seconds=lambda _: {"fine-tuning": 3600, "prediction": 1800})
    content = planned(*ONE_EPOCH, "--seeds", "0,1,2", "--price-per-hour", "2.50")
    assert content["cost"] == pytest.approx(2 * 1.5 * 2.5)
    done = roast_bench(*tiny_run, *ONE_EPOCH, "--seeds", "0,1,2", "--plan", "--price-per-hour", "2.50")
    assert "Cost: 7.50 at 2.50 an hour." in done.out
    assert planned(*ONE_EPOCH)["cost"] is None


def test_an_attack_is_measured_and_then_taken_from_the_record(roast_bench, attacked_run, planned, tmp_path):
    options = (*ONE_EPOCH, "--attack", "deepwordbug:4:20", "--attack-workers", 1)
    (cell,) = planned(*options)["cells"]
    assert cell["source"]["attacks"] == "measurement"
    assert cell["seconds"]["attacks"] > 0
    assert not (tmp_path / "out").exists()
    assert roast_bench(*attacked_run, *options).code == 0
    (path,) = find_records(tmp_path / "out")
    taken = json.loads(path.read_text(encoding="utf-8"))["seconds"]["attacks"]
    (cell,) = planned(*ONE_EPOCH, "--attack", "deepwordbug:4:20", "--seeds", 1)["cells"]
    assert cell["source"]["attacks"] == "records"
    assert cell["seconds"]["attacks"] == pytest.approx(taken, abs=0.01)
    for other in ("deepwordbug:4:30", "pruthi:4:20"):  # of another budget, another recipe
        (cell,) = planned(*ONE_EPOCH, "--attack", other, "--seeds", 1)["cells"]
        assert (cell["source"]["fine-tuning"], cell["source"]["attacks"]) == ("records", "measurement")
    (cell,) = planned(*options, "--seeds", 1)["cells"]  # a record does not say how many workers there were
    assert cell["source"]["attacks"] == "measurement"


def test_an_attack_that_outlasts_the_time_is_estimated_from_below(monkeypatch, planned):
    import benchmark.dry_run.measurement as measurement

    monkeypatch.setattr(measurement, "LIMIT", 0.0)
    (cell,) = planned(*ONE_EPOCH, "--attack", "deepwordbug:4:20")["cells"]
    assert cell["at_least"]
    assert cell["seconds"]["fine-tuning"] > 0
    assert cell["seconds"]["prediction"] > 0


KILLER = '''
import os, signal

@register("killed")
class Killed(Method):
    """Dies in step 18, in the second epoch."""

    def transform_gradients(self, model):
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == 18 and "KILL_ME" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
'''


def test_an_interrupted_cell_resumes_and_takes_the_rest_of_the_steps(tiny_run, plugin, planned, tmp_path):
    plugin.write_text(plugin.read_text(encoding="utf-8") + KILLER, encoding="utf-8")
    command = [sys.executable, "-m", "benchmark", *map(str, tiny_run), "--method", "killed"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KILL_ME": "1"}
    died = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL
    before = content_of(tmp_path / "out")
    (cell,) = planned("--method", "killed")["cells"]
    assert (cell["state"], cell["step"], cell["steps"]) == ("resumes", 14, 28)
    assert content_of(tmp_path / "out") == before
    shutil.rmtree(next((tmp_path / "out" / "tiny" / "tiny-bert" / "killed").glob("*/checkpoint")))
    (cell,) = planned("--method", "killed")["cells"]
    assert cell["state"] == "to do"


def test_a_failed_cell_and_a_damaged_record_are_to_do_again(roast_bench, tiny_run, planned, tmp_path):
    assert roast_bench(*tiny_run, *ONE_EPOCH).code == 0
    (path,) = find_records(tmp_path / "out")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    before = content_of(tmp_path / "out")
    (cell,) = planned(*ONE_EPOCH)["cells"]
    assert (cell["state"], cell["reason"]) == ("to do", "its record is damaged")
    path.write_bytes(whole)
    (path.parent / "logits" / "test.npz").write_bytes(b"no logits")
    (cell,) = planned(*ONE_EPOCH)["cells"]
    assert (cell["state"], cell["reason"]) == ("to do", "its record or files are damaged")
    assert content_of(tmp_path / "out").keys() == before.keys()


def test_what_run_refuses_is_refused_in_the_same_words(roast_bench, tiny_run, attacked_run, tmp_path):
    for options in (
        ("--method", "vanila"),
        ("--method", "vanilla", "--batch-size", 500),
        ("--method", "vanilla", "--max-length", 4096),
        ("--method", "vanilla", "--attack", "deepwordbug:4", "--attack-set", "odd"),
    ):
        arguments = attacked_run if "--attack" in options else tiny_run
        ran, plan = roast_bench(*arguments, *options), roast_bench(*arguments, *options, "--plan")
        assert (plan.code, plan.err) == (2, ran.err), options
        assert ran.code == 2
        assert plan.err.count("\n") == 1
    (tmp_path / "file").write_text("", encoding="utf-8")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        ran = roast_bench(*tiny_run, *ONE_EPOCH, "--out", place)
        plan = roast_bench(*tiny_run, *ONE_EPOCH, "--out", place, "--plan")
        assert (plan.code, ran.code) == (2, 2)
        assert "cannot be written" in plan.err


def test_options_of_a_plan_alone(roast_bench, tiny_run, tmp_path):
    for options, said in (
        (("--price-per-hour", "2"), "--price-per-hour goes with --plan"),
        (("--times-from", tmp_path), "--times-from goes with --plan"),
        (("--plan", "--price-per-hour", "-1"), "give a number from 0 on"),
        (("--plan", "--price-per-hour", "nan"), "give a number from 0 on"),
        (("--plan", "--times-from", tmp_path / "absent"), "there is no such folder"),
    ):
        done = roast_bench(*tiny_run, *ONE_EPOCH, *options)
        assert done.code == 2, options
        assert said in done.err
        assert done.err.count("\n") == 1


def test_cells_at_a_time():
    assert elapsed([], 3) == 0
    assert elapsed([1, 2, 3], 1) == 6
    assert elapsed([4, 3, 3, 2], 2) == 6
    assert elapsed([5, 1, 1], 8) == 5
