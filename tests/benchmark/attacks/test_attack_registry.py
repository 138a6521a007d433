import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import benchmark.attacks
from benchmark.attacks import Attack, attacks, register_attack
from benchmark.attacks.resources import Resource

RESOURCE = Resource("a model", "something", lambda: Path(), "get it")


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
    decorated = register_attack(
        "a2t-mlm",
        summary="s",
        source="p",
        resources=[RESOURCE],
        goal="reduction",
        gradients=True,
        deviations=["d"],
        variant_of="a2t",
    )(build_one)
    assert decorated is build_one
    expected = Attack("a2t-mlm", "s", "p", build_one, (RESOURCE,), "reduction", True, ("d",), "a2t")
    assert attacks["a2t-mlm"] == expected


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


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"resources": "wordnet"}, TypeError, "must be benchmark.attacks.resources.Resource"),
        ({"resources": ["wordnet"]}, TypeError, "must be benchmark.attacks.resources.Resource"),
        ({"deviations": "one string"}, TypeError, "sequence of strings"),
        ({"goal": "anything"}, ValueError, "is not one of misclassification, reduction"),
    ],
)
def test_wrong_fields_are_refused(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        register_attack("one", summary="s", source="p", **wrong)


SOURCES = {
    "textfooler": "1907.11932",
    "pwws": "P19-1103",
    "deepwordbug": "1801.04354",
    "textbugger": "1812.05271",
    "bae": "2004.01970",
    "bert-attack": "2004.09984",
    "a2t": "2109.00544",
    "clare": "2009.07502",
    "checklist": "2005.04118",
    "hotflip": "1712.06751",
    "input-reduction": "1804.07781",
    "pruthi": "1905.11268",
    "iga": "1909.06723",
    "faster-alzantot": "1909.00986",
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_attack_names_its_paper(name: str) -> None:
    assert SOURCES[name] in attacks[name].source
    assert attacks[name].variant_of is None


def test_all_others_are_variants_that_say_what_differs() -> None:
    variants = {name: attack for name, attack in attacks.items() if name not in SOURCES}
    replaced = {f"{name}-sbert" for name in ("textfooler", "textbugger", "bae", "bert-attack", "clare")}
    assert set(variants) == {"hotflip-own-embeddings", *replaced}
    for name, attack in variants.items():
        assert attack.variant_of is not None
        assert name.startswith(f"{attack.variant_of}-")
        assert attack.source == attacks[attack.variant_of].source
        assert set(attack.deviations) - set(attacks[attack.variant_of].deviations)


def test_white_box_attacks_and_those_of_another_goal() -> None:
    assert {name for name, attack in attacks.items() if attack.gradients} == {
        "a2t",
        "hotflip",
        "hotflip-own-embeddings",
    }
    assert {name for name, attack in attacks.items() if attack.goal == "reduction"} == {"input-reduction"}


def test_listing_the_attacks_imports_nothing_heavy() -> None:
    code = (
        "import sys; from benchmark.attacks import attacks; assert 'deepwordbug' in attacks;"
        "print(*{'torch', 'transformers', 'textattack', 'huggingface_hub', 'nltk', 'numpy', 'pandas', 'sklearn',"
        " 'flair'} & set(sys.modules))"
    )
    root = Path(benchmark.attacks.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
