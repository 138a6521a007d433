from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tasks import Task, register_task, tasks


def declare() -> Task:
    raise AssertionError("registering must not declare the task")


def declare_another() -> Task:
    raise AssertionError("registering must not declare the task")


@pytest.fixture(autouse=True)
def registry_as_before() -> Iterator[None]:
    before = dict(tasks)
    yield
    tasks.clear()
    tasks.update(before)


def test_reviews_is_registered_and_declares_itself() -> None:
    assert tasks["reviews"]().name == "reviews"


def test_every_task_is_registered_under_its_own_name() -> None:
    assert {name: factory().name for name, factory in tasks.items()} == {name: name for name in tasks}


def test_the_decorator_gives_the_function_back() -> None:
    assert register_task("made-up")(declare) is declare
    assert tasks["made-up"] is declare


def test_the_same_function_may_be_registered_again() -> None:
    register_task("made-up")(declare)
    register_task("made-up")(declare)
    assert tasks["made-up"] is declare


def test_a_taken_name_is_refused_with_both_functions_named() -> None:
    register_task("made-up")(declare)
    with pytest.raises(ValueError, match=re.escape("task name 'made-up' is taken by")) as caught:
        register_task("made-up")(declare_another)
    assert "declare;" in str(caught.value)
    assert str(caught.value).endswith("declare_another.")
    assert tasks["made-up"] is declare


@pytest.mark.parametrize(
    "name", ["", "Reviews", "two words", "under_score", "a--b", "-a", "a-", "../up", "a/b", "a\n", "ä"]
)
def test_a_malformed_name_is_refused_before_there_is_a_function(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"task name {name!r}: use lower-case letters and digits joined by")):
        register_task(name)
    assert name not in tasks
