import math

import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from torch.nn import functional

from methods.ascent import NonFiniteGradientError, maximum_normalised
from methods.divergence import jensen_shannon, kl, symmetric_kl


def test_symmetric_kl_is_the_mean_of_both_directions():
    torch.manual_seed(0)
    first, second = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    log_p, log_q = first.log_softmax(-1), second.log_softmax(-1)
    forward = functional.kl_div(log_q, log_p, log_target=True, reduction="none").sum(-1)
    backward = functional.kl_div(log_p, log_q, log_target=True, reduction="none").sum(-1)
    torch.testing.assert_close(symmetric_kl(first, second), (forward + backward) / 2)


def test_kl_and_jensen_shannon_equal_scipys_by_example():
    torch.manual_seed(0)
    first, second = 3 * torch.randn(5, 3, dtype=torch.float64), 3 * torch.randn(5, 3, dtype=torch.float64)
    p, q = first.softmax(-1).numpy(), second.softmax(-1).numpy()
    torch.testing.assert_close(kl(first, second), torch.from_numpy(rel_entr(p, q).sum(-1)), rtol=0, atol=1e-12)
    squared_distance = torch.from_numpy(jensenshannon(p, q, axis=-1) ** 2)
    torch.testing.assert_close(jensen_shannon(first, second), squared_distance, rtol=0, atol=1e-12)
    torch.testing.assert_close(jensen_shannon(second, first), squared_distance, rtol=0, atol=1e-12)
    assert (kl(first, second) - kl(second, first)).abs().min() > 1e-3


def test_divergences_of_opposite_certainties_are_finite():
    """Also where a probability is too small for its precision."""
    first, second = torch.tensor([[200.0, 0.0]]), torch.tensor([[0.0, 200.0]])
    torch.testing.assert_close(kl(first, second), torch.tensor([200.0]))
    torch.testing.assert_close(jensen_shannon(first, second), torch.tensor([math.log(2)]))


@pytest.mark.parametrize("divergence", [kl, jensen_shannon])
def test_divergence_of_equal_predictions_is_zero_and_uses_single_precision_at_least(divergence):
    logits = torch.randn(4, 3).bfloat16()
    assert divergence(logits, logits).dtype == torch.float32
    assert divergence(logits, logits).abs().max() < 5e-7  # rounding of single precision


def test_symmetric_kl_of_equal_predictions_is_zero_and_uses_single_precision_at_least():
    logits = torch.randn(4, 3).bfloat16()
    divergence = symmetric_kl(logits, logits + 1)  # softmax ignores a shift
    assert divergence.dtype == torch.float32
    assert divergence.abs().max() < 1e-3


def test_each_token_is_scaled_by_its_largest_entry():
    gradient = torch.tensor([[[2.0, -4.0], [0.0, 0.0]]])
    torch.testing.assert_close(maximum_normalised(gradient), torch.tensor([[[0.5, -1.0], [0.0, 0.0]]]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_gradient_that_is_not_finite_is_refused(bad):
    with pytest.raises(NonFiniteGradientError):
        maximum_normalised(torch.tensor([[[1.0, bad]]]))
