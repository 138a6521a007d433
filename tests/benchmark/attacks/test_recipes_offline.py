"""The recipes that need no more than NLTK's data, run for real and without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attack_sentences import SENTENCES

import benchmark
from benchmark.attacks import attacks
from benchmark.attacks.english_stop_words import english_stop_words
from benchmark.attacks.outcome import AttackOutcome
from benchmark.attacks.run import run_attack

OFFLINE = ["pwws", "deepwordbug", "pruthi", "hotflip-own-embeddings"]


def attacked(name: str, predictor: Any, max_queries: int | None = None) -> AttackOutcome:
    labels = predictor(SENTENCES).argmax(axis=1).tolist()
    return run_attack(attacks[name], predictor, SENTENCES, labels, max_queries=max_queries, seed=0)


def changed_words(outcome: AttackOutcome) -> list[list[tuple[str, str]]]:
    """Each text's (old, new) words at the places where they differ."""
    return [
        [(old, new) for old, new in zip(e.original_text.split(), e.attacked_text.split(), strict=True) if old != new]
        for e in outcome.examples
    ]


@pytest.mark.parametrize("name", OFFLINE)
def test_it_runs_without_a_network_and_leaves_stop_words_alone(
    name: str, predictor: Any, nltk_data: Path, no_network: list[str]
) -> None:
    outcome = attacked(name, predictor)
    changes = changed_words(outcome)
    assert sum(map(len, changes)) > 0
    assert {old for text in changes for old, _ in text}.isdisjoint(english_stop_words())
    assert no_network == []


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("budget", [1, 2, 7])
def test_a_small_budget_is_kept(name: str, budget: int, predictor: Any, nltk_data: Path) -> None:
    assert max(e.queries for e in attacked(name, predictor, budget).examples) <= budget


def test_pwws_takes_synonyms_from_wordnet(predictor: Any, nltk_data: Path) -> None:
    outcome = attacked("pwws", predictor)
    from nltk.corpus import wordnet

    for text in changed_words(outcome):
        for old, new in text:
            assert new in {lemma for synset in wordnet.synsets(old) for lemma in synset.lemma_names()}


def test_pwws_proposes_synonyms_in_alphabetical_order(nltk_data: Path) -> None:
    from benchmark.attacks.model_wrapper import wrap_model

    swap = attacks["pwws"].build(wrap_model(lambda texts: [[1.0, 0.0]] * len(texts))).transformation
    found = swap._get_replacement_words("story")
    assert found == sorted(found)
    assert {"narrative", "tale"} < set(found)
    assert not any("_" in word for word in found)


def test_pruthi_makes_one_typing_error_inside_one_longer_word(predictor: Any, nltk_data: Path) -> None:
    for text in changed_words(attacked("pruthi", predictor)):
        assert len(text) <= 1
        for old, new in text:
            assert len(old) >= 4
            assert (new[0], new[-1]) == (old[0], old[-1])
            assert abs(len(new) - len(old)) <= 1


def test_hotflip_exchanges_two_words_at_most_for_similar_ones(predictor: Any, nltk_data: Path) -> None:
    from benchmark.attacks.hotflip import OWN_SIMILARITY

    outcome = attacked("hotflip-own-embeddings", predictor)
    opened = predictor.white_box()
    for text in changed_words(outcome):
        assert len(text) <= 2
        for old, new in text:
            first, second = opened.embeddings[opened.single_tokens([old, new], "a ")]
            assert first @ second / (first @ first * second @ second) ** 0.5 >= OWN_SIMILARITY


def test_input_reduction_has_its_own_goal() -> None:
    from benchmark.attacks.model_wrapper import wrap_model
    from benchmark.attacks.textattack_offline import import_textattack

    attack = attacks["input-reduction"]
    built = attack.build(wrap_model(lambda texts: [[1.0, 0.0]] * len(texts)))
    assert attack.goal == "reduction"
    assert isinstance(built.goal_function, import_textattack().goal_functions.InputReduction)


ANOTHER_PROCESS = """
import json, sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from benchmark.prediction import Predictor
from test_recipes_offline import everything
folder = sys.argv[1]
model = AutoModelForSequenceClassification.from_pretrained(folder)
print(json.dumps(everything(Predictor(model, AutoTokenizer.from_pretrained(folder), 64))))
"""


def everything(predictor: Any) -> dict[str, list[list[Any]]]:
    return {
        f"{name} {budget}": [
            [e.attacked_text, e.outcome, e.queries] for e in attacked(name, predictor, budget).examples
        ]
        for name in OFFLINE
        for budget in (None, 9)
    }


def test_the_order_of_sets_decides_nothing(predictor: Any, tiny_classifier: Path, nltk_data: Path) -> None:
    root = Path(benchmark.__file__).parents[1]
    other_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"  # this process has a random one by default
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS, str(tiny_classifier)],
        env={
            **os.environ,
            "PYTHONHASHSEED": other_seed,
            "PYTHONPATH": os.pathsep.join([str(root), str(Path(__file__).parent)]),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == everything(predictor)
