from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tasks import EvaluationSet, Examples, HeldOut, HubSource, Joined, NoSource, Remainder, Role, Task
from tasks.hub_source import hub_origin, hub_sources


def evaluation_set(name: str, role: Role, source: Any) -> EvaluationSet:
    return EvaluationSet(name=name, role=role, source=source, origin="made up", licence="none")


def declare(source: Any, names: dict[str, Role], test: str = "in", task: str = "made-up") -> Task:
    return Task(
        name=task,
        summary="Made up.",
        family="sentiment",
        labels=("negative", "positive"),
        training=source,
        training_origin="made up",
        evaluation_sets=tuple(evaluation_set(name, role, source) for name, role in names.items()),
        in_distribution_test=test,
    )


@pytest.fixture
def source(given: Any) -> Any:
    return given(Examples(("a text",), labels=(0,)))


def test_a_proper_task(source: Any) -> None:
    task = declare(source, {"in": Role.IN_DISTRIBUTION, "20news": Role.ANOMALY, "dynasent-r1": Role.ADVERSARIAL})
    assert [found.name for found in task.evaluation_sets] == ["in", "20news", "dynasent-r1"]


def test_set_names_may_not_repeat(source: Any) -> None:
    twice = evaluation_set("again", Role.SHIFT, source)
    with pytest.raises(ValueError, match=re.escape("task made-up: evaluation set 'again' is declared 2 times.")):
        Task(
            name="made-up",
            summary="",
            family="sentiment",
            labels=("negative", "positive"),
            training=source,
            training_origin="made up",
            evaluation_sets=(evaluation_set("in", Role.IN_DISTRIBUTION, source), twice, twice),
            in_distribution_test="in",
        )


@pytest.mark.parametrize("test", ["absent", "shifted", "odd"])
def test_the_in_distribution_test_must_be_in_distribution(test: str, source: Any) -> None:
    names = {"in": Role.IN_DISTRIBUTION, "shifted": Role.SHIFT, "odd": Role.ANOMALY}
    with pytest.raises(ValueError, match=f"^task made-up: in_distribution_test is '{test}', which is not among"):
        declare(source, names, test)


BAD_NAMES = ["", "..", "../up", "a/b", "Upper", "under_score", "-a", "a-", "a--b", "a b", "a\n", "ä"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_set_names_become_paths_and_are_checked(name: str, source: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"evaluation set name {name!r}: use lower-case letters and digits")):
        declare(source, {"in": Role.IN_DISTRIBUTION, name: Role.SHIFT})


@pytest.mark.parametrize("name", BAD_NAMES)
def test_task_names_become_paths_and_are_checked(name: str, source: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"task name {name!r}: use lower-case letters and digits")) as caught:
        declare(source, {"in": Role.IN_DISTRIBUTION}, task=name)
    assert "\n" not in str(caught.value)


def test_only_anomalies_need_no_labels() -> None:
    assert [role for role in Role if not role.labelled] == [Role.ANOMALY]


HUB = HubSource(dataset="made/up", config="default", split="train", text="text")


def test_whether_a_task_reads_the_hub(source: Any) -> None:
    names = {"in": Role.IN_DISTRIBUTION}
    assert not declare(source, names).reads_hub
    assert not declare(NoSource("nowhere"), names).reads_hub
    for hub in (
        HUB,
        HeldOut(source=HUB, size=1, seed=0),
        Remainder(source=HeldOut(source=HUB, size=1, seed=0), size=1, seed=0),
        Joined(parts=(source, HUB)),
    ):
        assert declare(hub, names).reads_hub
        assert hub_sources(hub) == (HUB,)
    assert not declare(Joined(parts=(source,)), names).reads_hub


def test_the_card_names_every_split_once() -> None:
    parts = Joined(parts=(HUB, replace(HUB, split="test"), replace(HUB, dataset="made/too", revision="a" * 40)))
    assert hub_origin(parts) == (
        f"made/up (default, train + test), revision not pinned; made/too (default, train) at {'a' * 12}"
    )
