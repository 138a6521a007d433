import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from methods.relative_rank import LARGEST_RANK_ERROR, RelativeRank


def exact_ranks(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """Mean rank of ties over count − 1, by sorting everything in one flat array."""
    flat = np.concatenate([tensor.numpy().ravel() for tensor in tensors])
    ranks = torch.from_numpy((rankdata(flat, method="average") - 1) / (len(flat) - 1))
    sizes = [tensor.numel() for tensor in tensors]
    return [part.reshape(tensor.shape) for part, tensor in zip(ranks.split(sizes), tensors, strict=True)]


def largest_error(*tensors: torch.Tensor) -> float:
    ranks = RelativeRank(tensors)
    return max(
        float((ranks(tensor).double() - expected).abs().max())
        for tensor, expected in zip(tensors, exact_ranks(*tensors), strict=True)
    )


def test_squared_gradients_over_many_magnitudes():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(400_000, generator=generator).square() * (4 * torch.randn(400_000, generator=generator)).exp()
    parts = (values[:100].reshape(10, 10), values[100:250_000], values[250_000:].reshape(-1, 10))
    assert largest_error(*parts) <= LARGEST_RANK_ERROR


@pytest.mark.parametrize(
    "values",
    [
        torch.linspace(1.0, 1.000_01, 50_000),  # all in one bucket
        torch.cat([torch.zeros(30_000), torch.rand(30_000)]),  # half are exactly zero
        torch.randint(0, 5, (20_000,)).float(),  # few distinct values
        torch.rand(1_000).square() * 1e-38,  # subnormal numbers
        torch.tensor([3.0, -0.0, 0.0, 1.0]),  # both zeros are equal
        torch.full((1_000,), 2.5),
    ],
    ids=["crowded", "zeros", "ties", "subnormal", "negative zero", "constant"],
)
def test_crowded_and_tied_values(values):
    assert largest_error(values) <= LARGEST_RANK_ERROR


def test_crowded_buckets_beside_sparse_ones():
    generator = torch.Generator().manual_seed(1)
    crowded = 1 + 1e-5 * torch.rand(60_000, generator=generator)
    sparse = torch.rand(60_000, generator=generator).pow(8) * 100
    assert largest_error(crowded, sparse) <= LARGEST_RANK_ERROR


def test_mapping_ranks_equals_ranking_then_mapping():
    values = torch.cat([torch.rand(10_000), torch.zeros(5_000)])
    ranks = RelativeRank([values])
    torch.testing.assert_close(ranks.mapped(torch.sigmoid)(values), torch.sigmoid(ranks(values)))


def test_a_single_number_has_rank_zero():
    assert RelativeRank([torch.tensor([4.0])])(torch.tensor([4.0])).tolist() == [0.0]


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_numbers_that_cannot_be_ranked(bad):
    with pytest.raises(ValueError, match="finite and at least 0"):
        RelativeRank([torch.tensor([1.0, bad])])


def test_nothing_to_rank():
    with pytest.raises(ValueError, match="nothing to rank"):
        RelativeRank([torch.empty(0)])


def test_only_single_precision():
    with pytest.raises(TypeError, match="float32"):
        RelativeRank([torch.ones(2, dtype=torch.float64)])
