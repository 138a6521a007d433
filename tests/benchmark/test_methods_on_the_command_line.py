"""Methods named, combined, checked and refused on the command line."""

import csv
import json
import shutil

import pytest
from transformers import FlaubertConfig, FlaubertModel

from methods import methods

SMALL = {"a2t.minimum_cosine_backbone": 0.0, "wconsol.pull_strength": 100.0}
"""Hyper-parameters without which a method refuses random embeddings, or this learning rate."""

BROKEN = '''
from methods import Method, register


@register("broken")
class Broken(Method):
    """Moves weights it should not, is not repeatable, forgets its state."""

    def __post_init__(self):
        self.calls = 0

    def loss(self, model, batch):
        import random

        self.calls += 1
        model.bert.encoder.layer[0].output.dense.weight.data.mul_(0.99)
        return super().loss(model, batch) * random.SystemRandom().random() / self.calls
'''


def records(folder):
    return {
        record["cell"]["method"]: record
        for record in (json.loads(path.read_text(encoding="utf-8")) for path in folder.rglob("record.json"))
    }


def test_all_methods_run_and_are_ranked(roast_bench, tiny_run, tmp_path):
    settings = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    tiny_run[tiny_run.index("none")] = "deepwordbug:2:10"
    done = roast_bench(*tiny_run, "--epochs", 1, "--method", "all", *settings)
    assert done.code == 0, done.err
    found = records(tmp_path / "out")
    assert set(found) == {*methods, "half-loss"}
    assert all(record["status"] == "finished" for record in found.values())
    with (tmp_path / "out" / "leaderboard.csv").open(encoding="utf-8", newline="") as table:
        ranks = {row["method"]: float(row["rank"]) for row in csv.DictReader(table)}
    assert set(ranks) == set(found)
    assert all(1 <= rank <= len(found) for rank in ranks.values())
    assert f"Cells: {len(found)} finished." in done.out


def test_a_combination_is_one_cell_whatever_the_order(roast_bench, tiny_run, tmp_path):
    done = roast_bench(
        *tiny_run,
        "--epochs",
        1,
        "--method",
        "selective+freelb,freelb+roast-selective",
        "--set",
        "freelb+selective.alpha=0.5",
    )
    assert done.code == 0, done.err
    (record,) = records(tmp_path / "out").values()
    assert record["cell"]["method"] == "freelb+selective"
    values = record["configuration"]["resolved"]["hyper_parameters"]
    assert values["alpha"] == 0.5
    assert values["ascent_steps"] == 3
    assert "freelb+selective" in done.out


def test_a_short_name_stands_for_the_registered_one(roast_bench, tiny_run, tmp_path):
    assert roast_bench(*tiny_run, "--epochs", 1, "--method", "selective").code == 0
    assert list(records(tmp_path / "out")) == ["roast-selective"]


def test_describe_knows_combinations_and_short_names(roast_bench):
    facts = json.loads(roast_bench("describe", "selective+freelb", "--json").out)
    assert facts["method"] == "freelb+selective"
    assert {"alpha", "ascent_steps"} <= facts["hyper-parameters"].keys()
    assert json.loads(roast_bench("describe", "selective", "--json").out)["method"] == "roast-selective"


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        ("freelb+smart", ["freelb+smart", "both make the loss"]),
        ("freelb+advweight", ["both make the backward pass"]),
        ("roast+selective", ["roast and roast-selective contain each other"]),
        ("frelb+selective", ["unknown method 'frelb'", "did you mean 'freelb'?"]),
        ("freelb+", ["unknown method ''"]),
        ("vanilla+selective", ["vanilla adds nothing"]),
    ],
)
def test_what_does_not_combine_is_refused(roast_bench, tiny_run, method, parts):
    done = roast_bench(*tiny_run, "--method", method)
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1
    for part in parts:
        assert part in done.err


def test_a_backbone_whose_blocks_cannot_be_located_is_refused_before_training(
    roast_bench, tiny_run, tiny_backbone, tmp_path
):
    folder = tmp_path / "tiny-flaubert"
    shutil.copytree(tiny_backbone, folder)
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    FlaubertModel(FlaubertConfig(vocab_size=26, emb_dim=16, n_layers=2, n_heads=2)).save_pretrained(folder)
    for method in ("roast", "freelb", "smart", "r3f", "advembed", "rift", "infobert", "hiddencut"):
        done = roast_bench(*tiny_run, "--backbone", folder, "--method", f"vanilla,{method}")
        assert done.code == 2, done.out
        assert f"method {method} on backbone tiny-flaubert" in done.err
        assert "blocks cannot be located" in done.err
        assert len(done.err.strip().splitlines()) == 1
    assert not list((tmp_path / "out").rglob("record.json"))


def test_check_method_passes_a_sound_method(roast_bench, plugin):
    done = roast_bench("check-method", "half-loss", "--plugin", plugin)
    assert done.code == 0, done.out
    assert "half-loss: 13 of 13 checks passed." in done.out
    assert len([line for line in done.out.splitlines() if line.startswith("ok")]) == 13


def test_check_method_explains_each_failure_of_a_broken_method_in_a_line(roast_bench, tmp_path):
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    done = roast_bench("check-method", "broken", "--plugin", tmp_path / "broken.py", "--json")
    assert done.code == 1
    checks = {check["check"]: check for check in json.loads(done.out)["checks"]}
    for name, said in {
        "leaves-weights-to-the-optimizer": "bert.encoder.layer.0.output.dense.weight",
        "stands-still-without-a-learning-rate": "has moved although the learning rate was 0",
        "repeatable": "two trainings from the same seed",
        "resumes": "training resumed",
        "takes-turns": "__post_init__ does not call super().__post_init__",
    }.items():
        assert not checks[name]["passed"], name
        assert said in checks[name]["failure"]
    assert checks["described"]["passed"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["roats"], ["unknown method 'roats'", "did you mean 'roast'?"]),
        (["roast", "--set", "roast.alpha=2"], ["roast.alpha", "less than or equal to 1"]),
        (["roast", "--set", "freelb.epsilon=2"], ["freelb.epsilon", "'roast'"]),
        (["freelb+smart"], ["both make the loss"]),
    ],
)
def test_mistakes_to_check_method_get_one_line(roast_bench, arguments, parts):
    done = roast_bench("check-method", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1
    for part in parts:
        assert part in done.err
