"""`roast-bench tune`: hyper-parameters chosen on the slice of the training data that is set aside."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from benchmark.plan import Cell, plan
from benchmark.progress import Reporter
from benchmark.suite import load_suite
from leaderboard.checksum import with_checksum
from leaderboard.record import Training

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
{own}
"""

Tune = Callable[..., Any]


@pytest.fixture
def tune(roast_bench: Tune, plugin: Path, tiny_backbone: Path, tmp_path: Path) -> Tune:
    """Search on task tiny; ``selection`` and ``own``, lines of the method's hyper-parameters, are the suite's."""

    def invoke(*arguments: object, method: str = "roast-selective", selection: str = "held-out", own: str = "") -> Any:
        suite = tmp_path / "suite.toml"
        lines = f"[hyper_parameters.{method}]\n{own}" if own else ""
        suite.write_text(SUITE.format(backbone=tiny_backbone, selection=selection, own=lines), encoding="utf-8")
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


class Trainings:
    """Stands for fine-tuning: gives what it is told to, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.accuracy: Callable[[Mapping[str, Any], int], float] = lambda values, seed: 80.0
        """Of the first epoch of two, by hyper-parameters and seed; the second is one percent worse. It may raise."""
        self.asked: list[tuple[dict[str, Any], int]] = []
        self.reported: dict[str, Any] = {}

    def __call__(self, cell: Cell, *_: object) -> tuple[None, None, Training]:
        self.asked.append((dict(cell.hyper_parameters), cell.seed))
        accuracy = self.accuracy(cell.hyper_parameters, cell.seed)
        training = Training(
            steps=2,
            selection="held-out",
            selection_accuracy=(accuracy, accuracy - 1),
            kept_epoch=1,
            loss=0.5,
            method=self.reported,
        )
        return None, None, training


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    """Nothing is fine-tuned in truth."""
    stand_in = Trainings()
    monkeypatch.setattr("benchmark.cell.train_cell", stand_in)
    return stand_in


def _content(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out/tuning.json").read_text(encoding="utf-8"))


def _page(tmp_path: Path) -> str:
    return (tmp_path / "out/TUNING.md").read_text(encoding="utf-8")


def _table(page: str, first_heading: str, second_heading: str) -> list[dict[str, str]]:
    """Rows of the table of a page whose first two headings are these."""
    lines = page.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    start = next(number for number, row in enumerate(cells) if row[:2] == [first_heading, second_heading])
    ends = [number for number in range(start, len(lines)) if not lines[number]]
    return [dict(zip(cells[start], row, strict=True)) for row in cells[start + 2 : (ends or [len(lines)])[0]]]


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
    shown = _table(page, "combination", "seed")
    made = [(number, trial) for number, item in enumerate(content["combinations"], 1) for trial in item["trials"]]
    assert len(shown) == len(made) == 4
    for row, (number, trial) in zip(shown, made, strict=True):
        training = trial["training"]
        epochs = [f"{accuracy:.2f}" for accuracy in training["selection_accuracy"]]
        epochs[training["kept_epoch"] - 1] = f"**{epochs[training['kept_epoch'] - 1]}**"
        assert row == {
            "combination": str(number),
            "seed": str(trial["seed"]),
            "selection accuracy after each epoch, %": " ".join(epochs),
            "kept epoch": str(training["kept_epoch"]),
            "kept by masks, %": f"{100 * statistics.mean(training['method']['kept_fraction']):.2f}",
        }

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


NOT_A_NUMBER = """
import os

@register("brittle")
class Brittle(Method):
    share: float = hyper_parameter(0.5, gt=0, le=1, description="factor", source="none")

    def loss(self, model, batch):
        self.steps = getattr(self, "steps", 0) + 1
        broken = self.steps == 20 and str(self.share) == os.environ.get("BROKEN")
        return self.share * model(**batch).loss * (float("nan") if broken else 1)
"""


def test_a_diverged_training_is_kept_as_failed_and_tried_again_by_the_next_search(
    tune: Tune, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.write_text(plugin.read_text(encoding="utf-8") + NOT_A_NUMBER, encoding="utf-8")
    monkeypatch.setenv("BROKEN", "0.3")
    arguments = ("--grid", "share=0.3,0.7")
    done = tune(*arguments, method="brittle")
    assert done.code == 1
    said = [line.strip() for line in (done.out + done.err).splitlines()]
    assert said.count("failed: NonFiniteLossError: step 20: the training loss is nan") == 1
    assert "Traceback" not in done.out + done.err
    assert "Tried 2 combinations, 1 failed; the best on the selection slice:" in said
    (failed,) = (tmp_path / "out").rglob("failed.json")
    kept = from_json(failed.read_bytes())
    assert kept["hyper_parameters"] == {"share": 0.3}
    assert "Traceback" in kept["failure"]["traceback"]
    assert not (failed.parent / "trial.json").exists()
    content = _content(tmp_path)
    assert content["chosen"] == {"share": 0.7}
    first, second = content["combinations"]
    assert (first["selection_accuracy"], first["trials"]) == (None, [])
    reason = "NonFiniteLossError: step 20: the training loss is nan"
    assert first["failures"] == [{"seed": 0, "reason": reason}]
    assert (len(second["trials"]), second["failures"]) == (1, [])
    rows = _table(_page(tmp_path), "combination", "share")
    assert [row[""] for row in rows] == [f"failed: seed 0: {reason}", "chosen"]
    assert "kept by masks, %" not in _page(tmp_path)

    monkeypatch.delenv("BROKEN")
    assert tune(*arguments, method="brittle").code == 0
    assert not list((tmp_path / "out").rglob("failed.json"))
    assert len(list((tmp_path / "out").rglob("trial.json"))) == 2
    assert not list((tmp_path / "out").rglob("checkpoint*"))
    assert "failed" not in _page(tmp_path)


def test_a_combination_that_failed_with_one_seed_is_never_chosen(
    tune: Tune, trainings: Trainings, tmp_path: Path
) -> None:
    def accuracy(values: Mapping[str, Any], seed: int) -> float:
        if (values["alpha"], seed) == (0.9, 0):
            raise RuntimeError("out of\nmemory | in /home/someone/file.py")
        return 100 * values["alpha"]

    trainings.accuracy = accuracy
    done = tune("--grid", "alpha=0.5,0.9,0.6", "--seeds", "0,1")
    assert done.code == 1
    assert len(trainings.asked) == 6
    assert "failed: RuntimeError: out of memory | in" in done.err
    content = _content(tmp_path)
    assert content["chosen"] == {"alpha": 0.6}
    assert [item["selection_accuracy"] for item in content["combinations"]] == [50.0, None, 60.0]
    rows = _table(_page(tmp_path), "combination", "alpha")
    assert rows[1][""] == "failed: seed 0: RuntimeError: out of memory &#124; in …/file.py"
    assert rows[1]["selection accuracy %"] == "–"
    assert rows[1]["kept epoch"] == "–, 1"
    assert "someone" not in _page(tmp_path) + json.dumps(content)
    trial_rows = _table(_page(tmp_path), "combination", "seed")
    assert [row["selection accuracy after each epoch, %"] for row in trial_rows[2:4]] == ["failed", "**90.00** 89.00"]


@pytest.mark.parametrize("message", ["a file \udcff of mine", "x" * 17_000_000], ids=["half a character", "long"])
def test_an_error_that_no_file_can_hold_as_it_is_fails_its_combination_alone(
    tune: Tune, trainings: Trainings, tmp_path: Path, message: str
) -> None:
    def accuracy(values: Mapping[str, Any], seed: int) -> float:
        if values["alpha"] == 0.9:
            raise RuntimeError(message)
        return 100 * values["alpha"]

    trainings.accuracy = accuracy
    for _ in range(2):
        done = tune("--grid", "alpha=0.5,0.9")
        assert done.code == 1
        assert "Traceback" not in done.err
        assert "set aside" not in done.err
        assert len(done.err) < 10_000
        assert _content(tmp_path)["chosen"] == {"alpha": 0.5}


@pytest.mark.parametrize(("grid", "many"), [("alpha=0.5", "the only combination"), ("alpha=0.5,0.9", "all 2 comb")])
@pytest.mark.parametrize("search", ["grid", "coordinate"])
def test_when_all_fail_one_line_says_so(
    tune: Tune, trainings: Trainings, tmp_path: Path, grid: str, many: str, search: str
) -> None:
    def fail(values: Mapping[str, Any], seed: int) -> float:
        raise ArithmeticError(f"alpha {values['alpha']}")

    trainings.accuracy = fail
    done = tune("--grid", grid, "--search", search)
    assert done.code == 1
    (error,) = [line for line in done.err.splitlines() if line.startswith("roast-bench: ")]
    assert many in error
    assert error.endswith("failed, so nothing is chosen; the first: ArithmeticError: alpha 0.5")
    assert "Traceback" not in done.out + done.err
    assert _content(tmp_path)["chosen"] is None
    assert "Nothing is chosen: every combination failed." in _page(tmp_path)
    assert "toml" not in _page(tmp_path)


def test_coordinate_search_goes_on_past_failures_and_tries_none_twice(
    tune: Tune, trainings: Trainings, tmp_path: Path
) -> None:
    """All combinations with beta 1, where the search starts, fail."""

    def accuracy(values: Mapping[str, Any], seed: int) -> float:
        if values["beta"] == 1:
            raise RuntimeError("beta")
        return 70.0

    trainings.accuracy = accuracy
    grid = ("--grid", "alpha=0.5,0.9", "--grid", "beta=1,10")
    assert tune("--search", "coordinate", *grid, own="alpha = 0.9\nbeta = 1.0").code == 1
    asked = [(values["alpha"], values["beta"]) for values, _ in trainings.asked]
    assert asked == [(0.5, 1), (0.9, 1), (0.9, 10)]
    assert _content(tmp_path)["chosen"] == {"alpha": 0.9, "beta": 10}


def test_a_failure_is_tried_again_by_a_later_search_but_not_by_one_at_the_same_time(
    plugin: Path, tiny_backbone: Path, tmp_path: Path, trainings: Trainings
) -> None:
    from benchmark.plugins import load_plugin
    from benchmark.tuning.trials import Trials

    def fail(values: Mapping[str, Any], seed: int) -> float:
        raise RuntimeError("no")

    load_plugin(plugin)
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE.format(backbone=tiny_backbone, selection="held-out", own=""), encoding="utf-8")
    cells = plan(load_suite(str(suite)))
    trainings.accuracy = fail
    out = tmp_path / "out"
    out.mkdir()
    with Reporter() as reporter:
        searches = [Trials(None, {}, out, reporter) for _ in range(2)]  # type: ignore[arg-type]
        for search in searches:
            assert [outcome.seed for outcome in search.of(cells) if hasattr(outcome, "failure")] == [0, 1]
        assert len(trainings.asked) == 2
        Trials(None, {}, out, reporter).of(cells)  # type: ignore[arg-type]
    assert len(trainings.asked) == 4


def test_a_search_that_cannot_write_a_trial_says_so_and_goes_on(
    tune: Tune, trainings: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.tuning import trials

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(trials, "replace_file", full)
    done = tune("--grid", "alpha=0.5")
    assert done.code == 1
    assert "No space left on device" in done.err
    assert "Traceback" not in done.err


def _as_seed_1(content: dict[str, Any]) -> None:
    content["seed"] = 1


def _with_alpha(content: dict[str, Any]) -> None:
    content["hyper_parameters"]["alpha"] = 0.7


def _as_vanilla(content: dict[str, Any]) -> None:
    content["method"] = "vanilla"


def _of_another_configuration(content: dict[str, Any]) -> None:
    content["configuration"]["resolved"]["training"]["epochs"] = 3


def _on_other_texts(content: dict[str, Any]) -> None:
    content["training_data"]["train"]["sha256"] = "0" * 64


def _judged_on_nothing(content: dict[str, Any]) -> None:
    del content["training_data"]["selection"]


def _without_accuracy(content: dict[str, Any]) -> None:
    content["training"]["selection_accuracy"] = []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_as_seed_1, "is the trial of another cell (seed 1 → 0)"),
        (_with_alpha, "is the trial of another cell (hyper_parameters.alpha 0.7 → 0.5)"),
        (_as_vanilla, "is the trial of another cell (method vanilla → roast-selective)"),
        (_of_another_configuration, "is the trial of another cell ("),
        (_on_other_texts, "is the trial of other data (train: 114 rows, sha256 000000000000…; here 114 rows, sha256 "),
        (_judged_on_nothing, "is the trial of other data (selection: none; here 6 rows, sha256 "),
        (_without_accuracy, "is no trial (Value error, a trial needs the selection accuracy of an epoch)"),
    ],
)
def test_a_trial_of_something_else_is_set_aside_with_a_line_and_made_again(
    tune: Tune, trainings: Trainings, tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """Its checksum is right."""
    assert tune("--grid", "alpha=0.5").code == 0
    (path,) = (tmp_path / "out").rglob("trial.json")
    first = from_json(path.read_bytes())
    content = from_json(path.read_bytes())
    change(content)
    path.write_bytes(with_checksum(content))
    done = tune("--grid", "alpha=0.5")
    assert done.code == 0
    (line,) = [line for line in done.err.splitlines() if line.startswith("set aside: ")]
    assert said in line
    assert path.with_name("trial.json.damaged").exists()
    assert len(trainings.asked) == 2
    again = from_json(path.read_bytes())
    assert all(again[key] == first[key] for key in first if key not in ("started", "checksum"))


def test_a_copy_of_another_combination_s_trial_does_not_pass(tune: Tune, trainings: Trainings, tmp_path: Path) -> None:
    trainings.accuracy = lambda values, seed: 100 * values["alpha"]
    assert tune("--grid", "alpha=0.5,0.9").code == 0
    before = _content(tmp_path)
    low, high = sorted(
        (tmp_path / "out").rglob("trial.json"),
        key=lambda path: from_json(path.read_bytes())["hyper_parameters"]["alpha"],
    )
    shutil.copyfile(high, low)
    done = tune("--grid", "alpha=0.5,0.9")
    assert "is the trial of another cell" in done.err
    assert [item["selection_accuracy"] for item in _content(tmp_path)["combinations"]] == [50.0, 90.0]
    assert _content(tmp_path)["chosen"] == before["chosen"]


def test_coordinate_search_starts_at_the_suite_s_values_where_the_grid_has_them(
    tune: Tune, trainings: Trainings, tmp_path: Path
) -> None:
    trainings.accuracy = lambda values, seed: values["beta"]
    grid = ("--grid", "alpha=0.5,0.9", "--grid", "beta=1,10,4")
    assert tune("--search", "coordinate", *grid, own="alpha = 0.7\nbeta = 10.0").code == 0
    content = _content(tmp_path)
    assert content["start"] == {"alpha": 0.5, "beta": 10}
    tried = [tuple(item["values"].values()) for item in content["combinations"]]
    assert tried == [(0.5, 10), (0.9, 10), (0.5, 1), (0.5, 4)]
    assert "alpha 0.5 (the first of the grid, which lacks the suite's 0.7), beta 10 (the suite's)" in _page(tmp_path)
    for name, values in content["grid"].items():
        assert {item["values"][name] for item in content["combinations"]} <= set(values)

    assert tune(*grid).code == 0
    assert _content(tmp_path)["start"] is None
    assert "Start, which" not in _page(tmp_path)


@pytest.mark.parametrize(("search", "tried"), [("grid", 4), ("coordinate", 3)])
def test_of_equal_ones_the_first_in_the_order_of_the_grid_is_chosen(
    tune: Tune, trainings: Trainings, tmp_path: Path, search: str, tried: int
) -> None:
    """The coordinate search meets another one first: it starts at the last."""
    arguments = ("--search", search, "--grid", "alpha=0.9,0.5", "--grid", "beta=10,1")
    assert tune(*arguments, own="alpha = 0.5\nbeta = 1.0").code == 0
    assert len(trainings.asked) == tried
    assert _content(tmp_path)["chosen"] == {"alpha": 0.9, "beta": 10}
    assert "Of combinations of equal accuracy, the first in the order of the grid is chosen" in _page(tmp_path)


def test_help_says_where_a_search_starts_and_what_of_equal_ones_wins(roast_bench: Tune) -> None:
    said = " ".join(roast_bench("tune", "--help").out.split())
    assert "Of equal accuracy, the first in the order of the grid wins, whichever the search" in said
    assert "starting from the suite's value of each where the grid has it, else from the first of the grid" in said


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        ({"kept_fraction": [0.5, 0.25]}, "37.50"),
        ({"child_fraction": 0.3}, "30.00"),
        ({"kept_fraction": []}, None),
        ({"child_fraction": None}, None),
        ({"kept_fraction": ["<b>"]}, None),
        ({"temperature": 2.0}, None),
    ],
)
def test_share_that_masks_kept(
    tune: Tune, trainings: Trainings, tmp_path: Path, reported: dict[str, Any], shown: str | None
) -> None:
    trainings.reported = reported
    assert tune("--grid", "alpha=0.5").code == 0
    (row,) = _table(_page(tmp_path), "combination", "seed")
    assert row.get("kept by masks, %") == shown
    assert ("Kept by masks" in _page(tmp_path)) == (shown is not None)
