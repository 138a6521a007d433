import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from benchmark.metrics import calibration_error_cross_fitted
from benchmark.scoring import PredictedSet, perspectives, score_sets
from leaderboard.record import AttackResult, MergedClasses, Score
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


def test_labelled_sets_get_every_metric_with_its_unit():
    found = score_sets(SETS, "a")["c"]
    assert {name: (score.unit, score.higher_is_better) for name, score in found.items()} == {
        "accuracy": ("percent", True),
        "ece": ("percent", False),
        "ece_raw": ("percent", False),
        "ece_adaptive": ("percent", False),
        "nll": ("nats", False),
        "brier": ("none", False),
    }
    probabilities = softmax(SETS["c"].logits.astype(float), axis=1)
    labels = SETS["c"].labels
    assert found["nll"].value == pytest.approx(log_loss(labels, probabilities))
    assert found["brier"].value == pytest.approx(((probabilities - np.eye(2)[labels]) ** 2).sum(axis=1).mean())


def test_anomaly_sets_get_three_scores_three_ways():
    found = score_sets(SETS, "a")["e"]
    assert list(found) == [
        f"{metric}{suffix}" for suffix in ("", "_energy", "_max_logit") for metric in ("auroc", "aupr", "fpr95")
    ]
    logits = np.concatenate([SETS["a"].logits, SETS["e"].logits]).astype(float)
    is_anomaly = [0] * 40 + [1] * 40
    for suffix, score in {"_energy": -logsumexp(logits, axis=1), "_max_logit": -logits.max(axis=1)}.items():
        assert found[f"auroc{suffix}"].value == pytest.approx(100 * roc_auc_score(is_anomaly, score))
        assert found[f"aupr{suffix}"].value == pytest.approx(100 * average_precision_score(is_anomaly, score))
    assert [found[f"fpr95{suffix}"].higher_is_better for suffix in ("", "_energy")] == [False, False]
    assert found["auroc_energy"].sets == ("e", "a")


THREE = RANDOM.normal(size=(60, 3)).astype(np.float32)
TWO_CLASS = PredictedSet(
    Role.SHIFT,
    THREE,
    RANDOM.randint(0, 2, 60),
    MergedClasses(labels=("entailment", "not entailment"), groups=((0,), (1, 2))),
)
ENTAILMENT = {"a": PredictedSet(Role.IN_DISTRIBUTION, THREE, RANDOM.randint(0, 3, 60)), "two": TWO_CLASS}


def test_merged_probabilities_are_behind_every_metric():
    log_p = log_softmax(THREE.astype(float), axis=1)
    log_q = np.stack([log_p[:, 0], logsumexp(log_p[:, 1:], axis=1)], axis=1)
    found = score_sets(ENTAILMENT, "a")["two"]
    expected = score_sets({"two": PredictedSet(Role.SHIFT, log_q, TWO_CLASS.labels)}, "a")["two"]
    assert {name: score.value for name, score in found.items()} == pytest.approx(
        {name: score.value for name, score in expected.items()}
    )


def test_merged_predictions_keep_the_confidence_and_leave_no_probabilities():
    found = score_sets(ENTAILMENT, "a", "predictions")
    right = (THREE.argmax(axis=1) > 0) == TWO_CLASS.labels
    assert found["two"]["accuracy"].value == pytest.approx(100 * right.mean())
    # The same rows as labels of a set where "right" means the first class: neither metric looks at anything else.
    first = np.take_along_axis(THREE, np.argsort(-THREE, axis=1), axis=1)
    expected = calibration_error_cross_fitted(first, np.where(right, 0, 1))
    assert found["two"]["ece"].value == pytest.approx(100 * expected)
    for metric in ("nll", "brier"):
        assert found["two"][metric].value is None
        assert "no probabilities" in found["two"][metric].reason
    assert found["a"] == score_sets(ENTAILMENT, "a")["a"]


@pytest.mark.parametrize("projection", ["probabilities", "predictions"])
def test_a_label_outside_the_merged_classes_is_refused(projection):
    labels = TWO_CLASS.labels.copy()
    labels[7] = 2
    sets = {**ENTAILMENT, "two": PredictedSet(Role.SHIFT, THREE, labels, TWO_CLASS.projection)}
    with pytest.raises(ValueError, match=r"evaluation set two: label 2 in row 7 is outside 0\.\.1"):
        score_sets(sets, "a", projection)


def test_malformed_sets_are_named():
    broken = SETS["a"].logits.copy()
    broken[3, 0] = np.nan
    with pytest.raises(ValueError, match="evaluation set a: logits are not finite in row 3"):
        score_sets({"e": SETS["e"], "a": PredictedSet(Role.IN_DISTRIBUTION, broken, SETS["a"].labels)}, "a")
    with pytest.raises(ValueError, match="evaluation set c: has no labels"):
        score_sets({"c": PredictedSet(Role.SHIFT, SETS["c"].logits, None)}, "a")
    with pytest.raises(ValueError, match="evaluation set a: has no logits to tell anomalies from"):
        score_sets({"e": SETS["e"]}, "a")


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_small_sets_have_null_scores_with_reasons(rows):
    sets = {**SETS, "c": predicted(Role.SHIFT, rows), "e": predicted(Role.ANOMALY, rows)}
    found = score_sets(sets, "a")
    assert found["c"]["ece"].value is None
    assert (found["c"]["nll"].value is None) == (found["e"]["auroc_energy"].value is None) == (rows == 0)
    for scores in found.values():
        assert all(score.reason for score in scores.values() if score.value is None)


def test_an_attack_that_does_not_aim_at_wrong_predictions_takes_no_part():
    roles = {name: role for name, role in ROLES.items() if role is not Role.ADVERSARIAL}
    scores = score_sets(SETS, "a")

    def without_accuracy(reason):
        nothing = Score(value=None, reason=reason, sets=("reduced",))
        return attack(0.0).model_copy(update={"recipe": "input-reduction", "accuracy_under_attack": nothing})

    reduction = without_accuracy("input reduction keeps the prediction and shortens the text")
    found = perspectives(roles, scores, [attack(12.0), reduction])["acc_adv"]
    assert (found.value, len(found.sets)) == (12.0, 1)
    assert perspectives(roles, scores, [reduction])["acc_adv"].value is None
    # Any other attack without an accuracy leaves the mean undefined.
    assert perspectives(roles, scores, [attack(12.0), without_accuracy("no texts")])["acc_adv"].value is None


def test_one_budget_on_two_sets_is_two_attacks():
    first, second = attack(10.0), attack(30.0).model_copy(update={"evaluation_set": "b"})
    roles = {name: role for name, role in ROLES.items() if role is not Role.ADVERSARIAL}
    scores = score_sets({name: SETS[name] for name in roles}, "a")
    found = perspectives(roles, scores, [first, second])["acc_adv"]
    assert found.value == pytest.approx(20.0)
    assert found.sets == (f"{first.column} on a", f"{second.column} on b")
