from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks import DataError, EvaluationSet, Examples, HubSource, Role, Task
from tasks.loading import load_task

Numbered = Callable[..., Examples]


@pytest.fixture
def task(given: Any, numbered: Numbered) -> Task:
    """400 training texts, and an evaluation set of each role with 50."""
    return Task(
        name="made-up",
        summary="Made up.",
        family="sentiment",
        labels=("negative", "positive"),
        training=given(numbered(400, "training")),
        training_origin="the training texts, version 1",
        evaluation_sets=tuple(
            EvaluationSet(
                name=role.value, role=role, source=given(numbered(50, role)), origin="version 2", licence="none"
            )
            for role in Role
        ),
        in_distribution_test="in-distribution",
    )


def changed(task: Task, name: str, **fields: Any) -> Task:
    """The task with other fields in one of its evaluation sets."""
    return replace(
        task,
        evaluation_sets=tuple(
            replace(found, **fields) if found.name == name else found for found in task.evaluation_sets
        ),
    )


def refusal(task: Task, **arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        load_task(task, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_text_is_used_once(task: Task, numbered: Numbered) -> None:
    loaded = load_task(task)
    training, selection = loaded.training.examples, loaded.selection.examples
    assert (len(training), len(selection)) == (380, 20)
    assert sorted(training.texts + selection.texts) == sorted(numbered(400, "training").texts)
    assert {name: part.examples for name, part in loaded.evaluation.items()} == {
        role.value: numbered(50, role) for role in Role
    }
    assert loaded.missing == {}


@pytest.mark.parametrize(
    ("rows", "aside"), [(15, 1), (100, 5), (119, 5), (39_999, 1_999), (40_000, 2_000), (50_000, 2_000)]
)
def test_size_of_the_selection_slice(rows: int, aside: int, task: Task, given: Any, numbered: Numbered) -> None:
    loaded = load_task(replace(task, training=given(numbered(rows))))
    assert (len(loaded.selection.examples), len(loaded.training.examples)) == (aside, rows - aside)


def test_a_training_sample_leaves_the_selection_slice_as_it_is(task: Task) -> None:
    whole, small = load_task(task), load_task(task, train_size=100)
    assert small.selection == whole.selection
    assert len(small.training.examples) == 100
    assert small.training.rows_available == 380
    assert set(small.training.examples.texts) < set(whole.training.examples.texts)
    assert set(small.training.examples.texts).isdisjoint(small.selection.examples.texts)


def test_a_larger_training_sample_contains_a_smaller_one(task: Task) -> None:
    small, large = (load_task(task, train_size=size).training.examples for size in (100, 200))
    assert set(small.texts) < set(large.texts)


def test_selection_texts_are_not_among_the_training_texts_in_another_spelling(task: Task, given: Any) -> None:
    texts = tuple(f"text number {row}" for row in range(200))
    both = Examples((*texts, *(text.upper() + "!" for text in texts)), labels=(0,) * 400)
    loaded = load_task(replace(task, training=given(both)))
    assert set(loaded.selection.examples.keys()).isdisjoint(loaded.training.examples.keys())


def test_reported_selection_uses_all_training_texts_and_the_test_set(task: Task, numbered: Numbered) -> None:
    loaded = load_task(task, selection="reported")
    assert loaded.training.examples == numbered(400, "training")
    assert loaded.selection is loaded.evaluation["in-distribution"]
    assert load_task(task, selection="reported", train_size=100).training.rows_available == 400


def test_evaluation_size(task: Task) -> None:
    loaded = load_task(task, evaluation_size=20)
    assert {len(part.examples) for part in loaded.evaluation.values()} == {20}
    assert {part.rows_available for part in loaded.evaluation.values()} == {50}
    assert len(loaded.training.examples) == 380


def test_a_set_of_which_a_sample_is_scored(task: Task) -> None:
    sampled = changed(task, "shift", sample_size=30)
    shift = load_task(sampled).evaluation["shift"]
    assert (len(shift.examples), shift.rows_available) == (30, 50)
    assert len(load_task(sampled, evaluation_size=40).evaluation["shift"].examples) == 30
    smaller = load_task(sampled, evaluation_size=20).evaluation["shift"]
    assert (len(smaller.examples), smaller.rows_available) == (20, 50)
    assert set(smaller.examples.texts) < set(shift.examples.texts)
    assert load_task(sampled).evaluation["shift"] == shift


def test_rows_are_those_of_the_whole_set_whatever_the_sample(task: Task) -> None:
    assert load_task(changed(task, "shift", sample_size=30, rows=50)).missing == {}
    assert "has 50 rows, the card says 30" in refusal(changed(task, "shift", sample_size=30, rows=30))


def test_data_are_the_same_each_time(task: Task) -> None:
    assert load_task(task, train_size=50, evaluation_size=10) == load_task(task, train_size=50, evaluation_size=10)


def test_the_mirror_is_handed_to_every_source(task: Task, given: Any, numbered: Numbered, tmp_path: Path) -> None:
    seen: list[Path | None] = []

    class Recording(given):
        def load(self, mirror: Path | None) -> Any:
            seen.append(mirror)
            return super().load(mirror)

    recording = Recording(numbered(40))
    load_task(changed(replace(task, training=recording), "shift", source=recording), mirror=tmp_path)
    assert seen == [tmp_path, tmp_path]


@pytest.mark.parametrize("name", ["shift", "adversarial", "anomaly"])
def test_a_set_that_cannot_be_had_is_missing_by_name(name: str, task: Task, given: Any) -> None:
    loaded = load_task(changed(task, name, source=given("the wire is cut.")))
    assert loaded.missing == {name: "the wire is cut."}
    assert set(loaded.evaluation) == {role.value for role in Role} - {name}


def test_the_in_distribution_test_must_be_had(task: Task, given: Any) -> None:
    said = refusal(changed(task, "in-distribution", source=given("the wire is cut.")))
    assert said == "task made-up: evaluation set in-distribution: the wire is cut."


def test_training_texts_must_be_had(task: Task, given: Any) -> None:
    assert refusal(replace(task, training=given("the wire is cut."))) == (
        "task made-up: its training data: the wire is cut."
    )


def test_a_smaller_task_is_offered_where_the_data_cannot_be_had(task: Task, given: Any) -> None:
    cut = replace(task, training=given("the wire is cut."), smaller_task="tiny")
    assert refusal(cut) == "task made-up: its training data: the wire is cut; task tiny needs less."


def test_a_mirror_without_the_training_data(task: Task, tmp_path: Path) -> None:
    hub = HubSource(dataset="made/up", config="default", split="train", text="text", label="label", labels={0: 0})
    assert refusal(replace(task, training=hub), mirror=tmp_path) == (
        "task made-up: its training data: the mirror has no file made/up/default/train.parquet; "
        "roast-bench data fetch --task made-up fills a mirror from the hub."
    )


WRONG = "0123456789abcdef" * 4


def test_training_data_with_another_fingerprint_are_refused(task: Task, numbered: Numbered) -> None:
    found = numbered(400, "training").sha256()
    assert load_task(replace(task, training_sha256=found)).missing == {}
    assert refusal(replace(task, training_sha256=WRONG)) == (
        f"training data: its 400 rows have fingerprint {found[:12]}…, the card says 0123456789ab…; "
        "it must be the training texts, version 1."
    )


@pytest.mark.parametrize("name", [role.value for role in Role])
def test_a_set_with_another_fingerprint_is_refused_and_not_missing(name: str, task: Task, numbered: Numbered) -> None:
    found = numbered(50, name).sha256()
    assert load_task(changed(task, name, sha256=found)).missing == {}
    assert refusal(changed(task, name, sha256=WRONG)) == (
        f"{name}: its 50 rows have fingerprint {found[:12]}…, the card says 0123456789ab…; it must be version 2."
    )


def test_the_fingerprint_is_of_the_whole_set_whatever_the_sample(task: Task, numbered: Numbered) -> None:
    pinned = changed(task, "shift", sha256=numbered(50, "shift").sha256())
    assert len(load_task(pinned, evaluation_size=5).evaluation["shift"].examples) == 5


def test_partial_data_need_not_have_the_fingerprint_of_the_whole(task: Task, given: Any, numbered: Numbered) -> None:
    loaded = load_task(
        changed(
            replace(task, training=given(numbered(400), partial=True), training_sha256=WRONG),
            "shift",
            source=given(numbered(50), partial=True),
            sha256=WRONG,
        )
    )
    assert (loaded.training.partial, loaded.selection.partial, loaded.evaluation["shift"].partial) == (True, True, True)
    assert not loaded.evaluation["adversarial"].partial


@pytest.mark.parametrize("name", ["in-distribution", "shift", "adversarial"])
def test_labelled_roles_need_labels(name: str, task: Task, given: Any, numbered: Numbered) -> None:
    unlabelled = given(Examples(numbered(50).texts))
    assert refusal(changed(task, name, source=unlabelled)).startswith(f"evaluation set {name} ({name}): has no labels;")


def test_training_needs_labels(task: Task, given: Any, numbered: Numbered) -> None:
    assert refusal(replace(task, training=given(Examples(numbered(50).texts)))) == (
        "task made-up: its training data: has no labels; it needs one of negative, positive for each text."
    )


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_must_be_the_task_s(label: int, task: Task, given: Any) -> None:
    odd = given(Examples(("one", "two", "three"), labels=(0, 1, label)))
    expected = f"row 3 has label {label}; labels are 0 to 1 (negative, positive)."
    assert refusal(changed(task, "shift", source=odd)) == f"evaluation set shift (shift): {expected}"
    assert refusal(replace(task, training=odd)) == f"task made-up: its training data: {expected}"


def test_anomalies_may_have_no_labels_or_any(task: Task, given: Any, numbered: Numbered) -> None:
    for odd in (Examples(numbered(50).texts), Examples(numbered(50).texts, labels=(3,) * 50)):
        assert load_task(changed(task, "anomaly", source=given(odd))).evaluation["anomaly"].examples == odd
