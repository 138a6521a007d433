import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmark.attacks
from benchmark.attacks import attacks, register_attack


@pytest.fixture(autouse=True)
def _registry_restored() -> Iterator[None]:
    before = dict(attacks)
    yield
    attacks.clear()
    attacks.update(before)


def build_one(model: object) -> object:
    return model


def build_other(model: object) -> object:
    return model


def test_the_decorator_registers_and_returns_the_function() -> None:
    decorated = register_attack("a2t-mlm", summary="s", source="p", needs=["a model"])(build_one)
    assert decorated is build_one
    attack = attacks["a2t-mlm"]
    assert (attack.name, attack.summary, attack.source) == ("a2t-mlm", "s", "p")
    assert (attack.build, attack.needs) == (build_one, ("a model",))


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a--b", "a b", "../a", "a\n", "ä", "a-b\n"])
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not valid"):
        register_attack(name, summary="s", source="p")
    assert name not in attacks


def test_a_second_function_of_the_same_name_is_refused_and_both_places_are_named() -> None:
    register_attack("one", summary="s", source="p")(build_one)
    with pytest.raises(ValueError, match="registered twice") as caught:
        register_attack("one", summary="s", source="p")(build_other)
    message = str(caught.value)
    for build in (build_one, build_other):
        assert f"{__name__}:{build.__code__.co_firstlineno}" in message
    assert "\n" not in message
    assert attacks["one"].build is build_one


def test_the_same_function_may_be_registered_again() -> None:
    register_attack("one", summary="first", source="p")(build_one)
    register_attack("one", summary="second", source="p")(build_one)
    assert attacks["one"].summary == "first"


def test_needs_given_as_one_string_is_refused() -> None:
    with pytest.raises(TypeError, match="sequence of strings"):
        register_attack("one", summary="s", source="p", needs="wordnet")


def test_deepwordbug_is_listed_with_its_source() -> None:
    assert "1801.04354" in attacks["deepwordbug"].source
    assert attacks["deepwordbug"].needs == ()


def test_listing_the_attacks_imports_nothing_heavy() -> None:
    code = (
        "import sys; from benchmark.attacks import attacks; assert 'deepwordbug' in attacks;"
        "print(*{'torch', 'transformers', 'textattack', 'nltk', 'numpy', 'pandas', 'sklearn', 'flair'}"
        " & set(sys.modules))"
    )
    root = Path(benchmark.attacks.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
