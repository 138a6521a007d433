import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

import benchmark.metrics
from benchmark.metrics import (
    UndefinedMetric,
    anomaly_scores,
    aupr,
    auroc,
    detection,
    energy_scores,
    fpr_at_95_tpr,
    max_logit_scores,
)

METRICS = (auroc, aupr, fpr_at_95_tpr)
Metric = Callable[[object, object], float]


def random_scores(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    # Rounded, so that there are ties within and between the two sides.
    return rng.beta(2, 5, 150).round(2), rng.beta(4, 4, 60).round(2)


def test_scores_are_one_minus_the_confidence() -> None:
    np.testing.assert_allclose(anomaly_scores([[np.log(3), 0.0], [0.0, 0.0]]), [0.25, 0.5])


def test_energy_and_largest_logit_by_their_formulas() -> None:
    from scipy.special import logsumexp

    logits = np.random.default_rng(0).normal(scale=20, size=(200, 3)).astype(np.float32)
    np.testing.assert_allclose(energy_scores(logits), -logsumexp(logits.astype(float), axis=1), rtol=1e-12)
    np.testing.assert_array_equal(max_logit_scores(logits), [-max(row) for row in logits.tolist()])
    # Neither overflows, and both see the common level that the confidence does not.
    np.testing.assert_allclose(energy_scores([[1e4, 1e4], [-1e4, -1e4]]), [-1e4 - np.log(2), 1e4 - np.log(2)])
    np.testing.assert_array_equal(anomaly_scores([[1e4, 1e4], [-1e4, -1e4]]), [0.5, 0.5])


@pytest.mark.parametrize("score", [anomaly_scores, energy_scores, max_logit_scores])
def test_scores_of_one_class_of_none_and_of_malformed_logits(score: Callable[[object], np.ndarray]) -> None:
    assert score([[2.0]]).shape == (1,)
    assert score(np.empty((0, 2))).shape == (0,)
    with pytest.raises(ValueError, match="row 1"):
        score([[0.0, 1.0], [np.nan, 1.0]])


@pytest.mark.parametrize("seed", range(3))
def test_the_three_measures_agree_with_scikit_learns_own(seed: int) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    normal, anomalous = random_scores(seed)
    is_anomaly = [0] * len(normal) + [1] * len(anomalous)
    scores = np.concatenate([normal, anomalous])
    found = detection(normal, anomalous)
    assert found.auroc == pytest.approx(roc_auc_score(is_anomaly, scores), abs=1e-12)
    assert found.aupr == pytest.approx(average_precision_score(is_anomaly, scores), abs=1e-12)
    assert found.fpr_at_95_tpr == fpr_at_95_tpr(normal, anomalous)


@pytest.mark.parametrize("seed", range(20))
def test_auroc_is_to_the_last_digit_the_area_that_scikit_learn_takes(seed: int) -> None:
    from sklearn.metrics import auc, roc_curve

    normal, anomalous = random_scores(seed)
    is_anomaly = [0] * len(normal) + [1] * len(anomalous)
    curve = roc_curve(is_anomaly, np.concatenate([normal, anomalous]), drop_intermediate=False)
    assert auroc(normal, anomalous) == auc(*curve[:2])


@pytest.mark.parametrize("seed", range(3))
def test_auroc_counts_the_pairs_in_order_ties_half(seed: int) -> None:
    normal, anomalous = random_scores(seed)
    pairs = [(a > n) + 0.5 * (a == n) for a in anomalous for n in normal]
    assert auroc(normal, anomalous) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("seed", range(3))
def test_auroc_and_aupr_agree_with_torchmetrics(seed: int) -> None:
    normal, anomalous = random_scores(seed)
    scores = torch.tensor(np.concatenate([normal, anomalous]))
    target = torch.tensor([0] * len(normal) + [1] * len(anomalous))
    assert auroc(normal, anomalous) == pytest.approx(binary_auroc(scores, target).item(), abs=1e-6)
    assert aupr(normal, anomalous) == pytest.approx(binary_average_precision(scores, target).item(), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_false_positive_rate_agrees_with_a_search_over_thresholds(seed: int) -> None:
    normal, anomalous = random_scores(seed)
    enough = [t for t in np.concatenate([normal, anomalous]) if (anomalous >= t).mean() >= 0.95]
    assert fpr_at_95_tpr(normal, anomalous) == pytest.approx((normal >= max(enough)).mean())


def test_exactly_95_percent_is_enough() -> None:
    # 19 of 20 anomalies score 0.9; flagging the last one, at 0.1, would flag both normal texts too.
    assert fpr_at_95_tpr([0.5, 0.2], [0.9] * 19 + [0.1]) == 0.0
    assert fpr_at_95_tpr([0.5, 0.2], [0.9] * 18 + [0.1] * 2) == 1.0


def test_anomalies_are_the_positive_class() -> None:
    assert [metric([0.1, 0.2], [0.8, 0.9]) for metric in METRICS] == [1.0, 1.0, 0.0]
    assert auroc([0.8, 0.9], [0.1, 0.2]) == 0.0
    assert auroc([0.5], [0.5]) == 0.5


@pytest.mark.parametrize("metric", METRICS)
def test_one_empty_side_is_undefined(metric: Metric) -> None:
    with pytest.raises(UndefinedMetric, match="without anomalies"):
        metric([0.5], [])
    with pytest.raises(UndefinedMetric, match="without normal texts"):
        metric([], [0.5])


@pytest.mark.parametrize("metric", METRICS)
def test_malformed_scores_are_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match="normal_scores are not finite in row 1"):
        metric([0.5, np.nan], [0.5])
    with pytest.raises(ValueError, match="anomaly_scores must have the shape"):
        metric([0.5], [[0.5]])


def test_importing_the_metrics_does_not_import_scikit_learn() -> None:
    code = "import sys, benchmark.metrics; print(*{'sklearn', 'torch', 'scipy'} & set(sys.modules))"
    root = Path(benchmark.metrics.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
