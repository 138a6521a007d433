import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmark.scoring import PredictedSet, perspectives, score_sets
from leaderboard.record import AttackResult, Score
from tasks import Role

RANDOM = np.random.RandomState(0)


def predicted(role: Role, rows: int = 40) -> PredictedSet:
    logits = RANDOM.normal(size=(rows, 2)).astype(np.float32)
    return PredictedSet(role, logits, RANDOM.randint(0, 2, rows) if role.labelled else None)


def attack(value: float) -> AttackResult:
    score = Score(value=value, sets=("attack",))
    return AttackResult(
        recipe="deepwordbug",
        evaluation_set="a",
        examples=10,
        max_queries=5,
        seed=0,
        succeeded=5,
        failed=5,
        skipped=0,
        accuracy_under_attack=score,
        attack_success_rate=score,
        queries=50,
        seconds=1.0,
    )


SETS = {
    "a": predicted(Role.IN_DISTRIBUTION),
    "b": predicted(Role.IN_DISTRIBUTION),
    "c": predicted(Role.SHIFT),
    "d": predicted(Role.ADVERSARIAL),
    "e": predicted(Role.ANOMALY),
    "f": predicted(Role.ANOMALY),
}
ROLES = {name: item.role for name, item in SETS.items()}


def test_perspectives_are_means_over_the_sets_of_their_role():
    scores = score_sets(SETS, "a")
    found = perspectives(ROLES, scores, [attack(12.0)])

    def accuracy(name):
        return 100 * float((SETS[name].logits.argmax(1) == SETS[name].labels).mean())

    assert found["acc_in"].value == pytest.approx((accuracy("a") + accuracy("b")) / 2)
    assert found["acc_in"].sets == ("a", "b")
    assert found["acc_shift"].value == pytest.approx(accuracy("c"))
    assert found["acc_adv"].value == pytest.approx(accuracy("d"))
    assert found["ece"].sets == ("a", "b", "c", "d")
    assert found["ece"].value == pytest.approx(np.mean([scores[name]["ece"].value for name in "abcd"]))
    assert not found["ece"].higher_is_better
    assert found["auroc"].value == pytest.approx(np.mean([scores[name]["auroc"].value for name in "ef"]))


def test_anomalies_are_positive_against_the_in_distribution_test_set():
    def score(name):
        logits = SETS[name].logits.astype(float)
        exponentials = np.exp(logits - logits.max(1, keepdims=True))
        return 1 - (exponentials / exponentials.sum(1, keepdims=True)).max(1)

    labels = [0] * 40 + [1] * 40
    expected = 100 * roc_auc_score(labels, np.concatenate([score("a"), score("e")]))
    assert score_sets(SETS, "a")["e"]["auroc"].value == pytest.approx(expected)


def test_without_static_sets_the_live_attacks_are_the_adversarial_perspective():
    roles = {name: role for name, role in ROLES.items() if role is not Role.ADVERSARIAL}
    found = perspectives(roles, score_sets(SETS, "a"), [attack(12.0)])["acc_adv"]
    assert found.value == 12.0
    assert found.sets == ("deepwordbug (10 texts, ≤5 queries, seed 0)",)


def test_without_any_adversary_it_is_null_with_a_reason():
    roles = {name: role for name, role in ROLES.items() if role is not Role.ADVERSARIAL}
    found = perspectives(roles, score_sets(SETS, "a"), [])["acc_adv"]
    assert found.value is None
    assert found.reason


def test_a_mean_over_an_undefined_score_is_undefined_and_says_which():
    sets = {**SETS, "c": predicted(Role.SHIFT, rows=5)}  # too few for ten folds
    found = perspectives(ROLES, score_sets(sets, "a"), [])
    assert found["acc_shift"].value is not None
    assert found["ece"].value is None
    assert found["ece"].reason.startswith("c: ")
    assert found["ece"].sets == ("a", "b", "c", "d")
