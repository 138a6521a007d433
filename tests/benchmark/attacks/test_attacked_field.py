"""Which text of a pair an attack changes, whatever the recipe does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.attacks import Attack, attacks
from benchmark.attacks.attacked_field import PairField, attacked_part
from benchmark.attacks.outcome import AttackOutcome
from benchmark.attacks.run import run_attack
from benchmark.attacks.textattack_offline import import_textattack

PAIRS = [("a bad film", "some bad plot"), ("bad", "bad"), ("one bad actor", "nothing")]


def predict(pairs: list[tuple[str, str]]) -> np.ndarray:
    """Class 0 for as long as either text has the word bad; more of it makes it surer."""
    counts = [sum(text.split().count("bad") for text in pair) for pair in pairs]
    return np.array([[count - 0.5, 0.0] for count in counts])


def run(attack: Attack, field: PairField, pairs: list[Any] = PAIRS) -> AttackOutcome:
    return run_attack(attack, predict, pairs, [0] * len(pairs), max_queries=None, seed=0, field=field)


def deletions(*constraints: Any, merging: bool = False) -> Attack:
    """Deletes letters; with a constraint such as TextFooler's, or a transformation that touches any word."""

    def build(model: Any) -> Any:
        textattack = import_textattack()
        transformation = textattack.transformations.WordSwapRandomCharacterDeletion(random_one=False)
        if merging:
            inner = transformation._get_transformations
            # As TextAttack's merging of words: it does not look at what it may modify.
            transformation._get_transformations = lambda text, _: inner(text, range(text.num_words))
        return textattack.Attack(
            textattack.goal_functions.UntargetedClassification(model),
            [constraint() for constraint in constraints],
            transformation,
            textattack.search_methods.GreedySearch(),
        )

    return Attack("deletions", "s", "p", build)


def own_premise_constraint() -> Any:
    return import_textattack().constraints.pre_transformation.InputColumnModification(
        ["premise", "hypothesis"], {"premise"}
    )


def changed(outcome: AttackOutcome) -> tuple[bool, bool]:
    first, second = (
        any(example.original_text[part] != example.attacked_text[part] for example in outcome.examples)
        for part in (0, 1)
    )
    return first, second


@pytest.mark.parametrize("field", ["premise", "hypothesis", "both"])
@pytest.mark.parametrize(
    "attack",
    [attacks["deepwordbug"], deletions(), deletions(own_premise_constraint), deletions(merging=True)],
    ids=["deepwordbug", "plain", "keeps the premise", "asks nobody"],
)
def test_only_the_chosen_field_changes(field: PairField, attack: Attack) -> None:
    outcome = run(attack, field)
    assert changed(outcome) == (field != "hypothesis", field != "premise")
    assert outcome.field == field
    # Both texts of the first two pairs have the word: one field alone cannot turn them.
    wanted = {"premise": [False, False, True], "hypothesis": [False, False, False], "both": [True, True, True]}
    assert [example.outcome == "succeeded" for example in outcome.examples] == wanted[field]


def test_words_of_the_other_field_cost_no_queries() -> None:
    asked: list[tuple[str, str]] = []

    def noting(pairs: list[tuple[str, str]]) -> np.ndarray:
        asked.extend(pairs)
        return predict(pairs)

    run_attack(attacks["deepwordbug"], noting, PAIRS, [0] * 3, max_queries=None, seed=0, field="hypothesis")
    assert {premise for premise, _ in asked} == {premise for premise, _ in PAIRS}


@pytest.mark.parametrize("field", ["premise", "hypothesis", "both"])
def test_no_text_of_a_pair_loses_its_last_word(field: PairField) -> None:
    outcome = run(attacks["input-reduction"], field, [("bad film scene", "bad plot"), ("bad", "film bad bad")])
    for example in outcome.examples:
        assert all(text.split() for text in example.attacked_text)
        assert example.words_left == len(attacked_part(example.attacked_text, field).split())
        assert (example.outcome == "succeeded") == (example.words_left == 1)
    assert changed(outcome) == (field != "hypothesis", field != "premise")


def test_the_field_plays_no_part_for_single_texts(tmp_path: Path) -> None:
    def single(texts: list[str]) -> np.ndarray:
        return predict([(text, "") for text in texts])

    found = [
        run_attack(attacks["deepwordbug"], single, ["a bad film"], [0], max_queries=None, seed=0, field=field)
        for field in ("premise", "hypothesis", "both")  # type: ignore[misc]
    ]
    assert found[0].examples == found[1].examples == found[2].examples
    assert found[0].field is None


def test_the_attacked_part() -> None:
    assert attacked_part("a", None) == "a"
    assert [attacked_part(("a", "b"), field) for field in ("premise", "hypothesis", "both")] == ["a", "b", "a b"]  # type: ignore[arg-type]
