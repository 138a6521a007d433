import pytest
import torch

from methods.ascent import NonFiniteGradientError, frobenius_norm, frobenius_normalised


def test_each_example_is_scaled_by_its_frobenius_norm():
    torch.manual_seed(0)
    gradient = torch.randn(3, 4, 5, dtype=torch.float64)
    expected = torch.empty_like(gradient)
    for example in range(3):
        norm = sum(value**2 for row in gradient[example].tolist() for value in row) ** 0.5
        expected[example] = gradient[example] / (norm + 1e-8)
        torch.testing.assert_close(frobenius_norm(gradient)[example].item(), norm)
    assert frobenius_norm(gradient).shape == (3, 1, 1)
    torch.testing.assert_close(frobenius_normalised(gradient), expected, rtol=0, atol=1e-12)


def test_example_without_gradient_gets_no_direction():
    gradient = torch.zeros(2, 3, 4)
    gradient[1, 0, 0] = 2.0
    direction = frobenius_normalised(gradient)
    assert torch.equal(direction[0], torch.zeros(3, 4))
    torch.testing.assert_close(direction[1, 0, 0].item(), 1.0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_gradient_that_is_not_finite_is_refused(bad):
    gradient = torch.ones(2, 1, 2)
    gradient[1, 0, 1] = bad
    with pytest.raises(NonFiniteGradientError):
        frobenius_normalised(gradient)
