import pytest
import torch
from torch.nn import functional

from methods.ascent import NonFiniteGradientError, maximum_normalised
from methods.divergence import symmetric_kl


def test_symmetric_kl_is_the_mean_of_both_directions():
    torch.manual_seed(0)
    first, second = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    log_p, log_q = first.log_softmax(-1), second.log_softmax(-1)
    forward = functional.kl_div(log_q, log_p, log_target=True, reduction="none").sum(-1)
    backward = functional.kl_div(log_p, log_q, log_target=True, reduction="none").sum(-1)
    torch.testing.assert_close(symmetric_kl(first, second), (forward + backward) / 2)


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
