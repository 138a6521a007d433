"""`roast-bench tune`: hyper-parameters chosen on the slice of the training data that is set aside."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SUITE = """
name = "tiny-search"
tasks = ["tiny"]
backbones = ["{backbone}"]
methods = ["vanilla"]
seeds = [0, 1]
[training]
epochs = 2
batch_size = 8
learning_rate = 0.003
max_length = 64
selection = "{selection}"
"""

Tune = Callable[..., Any]


@pytest.fixture
def tune(roast_bench: Tune, plugin: Path, tiny_backbone: Path, tmp_path: Path) -> Tune:
    """Search on task tiny; ``selection`` is the suite's."""

    def invoke(*arguments: object, method: str = "roast-selective", selection: str = "held-out") -> Any:
        suite = tmp_path / "suite.toml"
        suite.write_text(SUITE.format(backbone=tiny_backbone, selection=selection), encoding="utf-8")
        out = ("--out", tmp_path / "out")
        return roast_bench("tune", suite, "--plugin", plugin, "--method", method, *out, *arguments)

    return invoke


@pytest.fixture
def no_evaluation_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading an evaluation set is an error."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an evaluation set was loaded")

    monkeypatch.setattr("tasks.loading.load_set", refuse)
    monkeypatch.setattr("tasks.loading.load_evaluation", refuse)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("TUNING.md", "tuning.json")}


@pytest.mark.usefixtures("no_evaluation_set")
def test_choice_is_the_best_mean_over_seeds_and_a_second_search_trains_nothing(
    tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = ("--grid", "alpha=0.5,0.9", "--seeds", "0,1")
    assert tune(*grid).code == 0
    out = tmp_path / "out"
    first = _bytes(out)
    content = json.loads(first["tuning.json"])
    assert [item["values"] for item in content["combinations"]] == [{"alpha": 0.5}, {"alpha": 0.9}]
    naive = []
    for item in content["combinations"]:
        best = [max(trial["training"]["selection_accuracy"]) for trial in item["trials"]]
        assert [trial["seed"] for trial in item["trials"]] == [0, 1]
        assert item["selection_accuracy"] == pytest.approx(sum(best) / 2)
        naive.append(sum(best))
    assert content["chosen"] == content["combinations"][naive.index(max(naive))]["values"]
    assert not list(out.rglob("checkpoint*"))
    page = first["TUNING.md"].decode()
    lines = page.split("```toml\n")[1].split("```")[0]
    assert tomllib.loads(lines) == {"hyper_parameters": {"roast-selective": content["chosen"]}}

    def untouched(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("benchmark.cell.train_cell", untouched)
    assert tune(*grid).code == 0
    assert _bytes(out) == first


@pytest.mark.usefixtures("no_evaluation_set")
def test_coordinate_search_tries_a_sum_not_a_product(tune: Tune, tmp_path: Path) -> None:
    arguments = ("--search", "coordinate", "--grid", "alpha=0.5,0.9", "--grid", "beta=1,10")
    assert tune(*arguments).code == 0
    tried = [item["values"] for item in json.loads((tmp_path / "out/tuning.json").read_text())["combinations"]]
    assert 3 <= len(tried) <= 4
    assert len({values["beta"] for values in tried[:2]}) == 1


def test_trial_that_was_changed_is_set_aside_and_made_again(tune: Tune, tmp_path: Path) -> None:
    assert tune("--grid", "alpha=0.5").code == 0
    (trial,) = (tmp_path / "out").rglob("trial.json")
    whole = trial.read_text()
    trial.write_text(whole.replace('"seed": 0', '"seed": 1'), encoding="utf-8")
    assert trial.read_text() != whole
    assert tune("--grid", "alpha=0.5").code == 0
    assert json.loads(trial.read_text())["seed"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--grid", "alhpa=0.5"), "alpha"),
        (("--grid", "alpha=0.5,7"), "roast-selective.alpha"),
        (("--grid", "alpha=NaN"), "roast-selective.alpha"),
        (("--grid", "alpha=high"), "roast-selective.alpha"),
        (("--grid", "alpha="), "NAME=VALUE"),
        (("--grid", "alpha=0.5,0.5"), "twice"),
        (("--grid", "alpha=0.5", "--grid", "alpha=0.6"), "twice"),
        (("--grid", "alpha=0.5", "--search", "random"), "--search random"),
        ((), "--grid"),
    ],
)
def test_mistakes_are_one_line_before_any_training(
    tune: Tune, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = tune(*arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("trial.json"))


def test_reported_selection_is_refused(tune: Tune, tmp_path: Path) -> None:
    done = tune("--grid", "alpha=0.5", selection="reported")
    assert done.code == 2
    assert "held-out" in done.err


def test_method_without_hyper_parameters_is_refused(tune: Tune) -> None:
    done = tune("--grid", "alpha=0.5", method="vanilla")
    assert done.code == 2
    assert "vanilla" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_lines_for_a_suite_are_toml_for_a_combined_method() -> None:
    from benchmark.tuning.report import as_toml
    from benchmark.tuning.search import Combination

    lines = as_toml("roast+wise-ft", Combination({"alpha": 0.6, "reuse_clean_forward": True}, ()))
    assert tomllib.loads(lines) == {"hyper_parameters": {"roast+wise-ft": {"alpha": 0.6, "reuse_clean_forward": True}}}
