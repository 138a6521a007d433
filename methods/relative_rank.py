"""Ranks of many non-negative numbers without sorting them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from methods.torch_on_use import torch

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_RANK_ERROR = 1e-4
"""Bound on the error of a relative rank; ties get their mean rank exactly or within this bound."""

DROPPED_BITS = 11
"""Low mantissa bits left out of a bucket's key: 4,096 buckets for each power of two.

Fewer buckets make more of them crowded (uniform or normal numbers would be, with half as many); more leave the caches.
"""

CHUNK = 1 << 23
"""Numbers looked at together; bounds the working memory."""


class RelativeRank:
    """Relative rank, in [0, 1], of each number among all numbers given on construction.

    The bit pattern of a non-negative single-precision number grows with the number, so its leading bits are the key of
    a bucket, and a histogram over the keys gives every bucket's mean rank. Buckets that hold too many numbers for
    `LARGEST_RANK_ERROR` are ranked exactly, value by value.

    Time is linear; working memory beyond the numbers is a few chunks and the tables.
    """

    def __init__(self, numbers: Sequence[Tensor]) -> None:
        """Count the numbers.

        Args:
            numbers: float32 tensors of any shapes, finite and ≥ 0, together at least one number.

        Raises:
            ValueError: there is no number, or one is negative, NaN or infinite.
            TypeError: a tensor is not float32.
        """
        self.count = sum(tensor.numel() for tensor in numbers)
        if self.count == 0:
            raise ValueError("there is nothing to rank.")
        lowest, highest = _keys(torch.stack(_range(numbers))).tolist()
        self._lowest_key = lowest
        counts = torch.zeros(highest - lowest + 1, dtype=torch.int64, device=numbers[0].device)
        for chunk in _chunks(numbers):
            counts += torch.bincount(self._buckets(chunk), minlength=len(counts))
        self._table = _mean_ranks(counts, self.count)
        crowded = counts > 2 * LARGEST_RANK_ERROR * self.count
        self._crowded = crowded if bool(crowded.any()) else None
        if self._crowded is not None:
            self._rank_crowded(numbers, counts)

    def __call__(self, tensor: Tensor) -> Tensor:
        """Relative ranks of a tensor that was among the numbers, in its shape, float32.

        Equal numbers get equal ranks: the mean of the places they would take, over count − 1.
        """
        ranks = torch.empty(tensor.numel(), device=tensor.device)
        for flat, part in zip(torch.split(tensor.reshape(-1), CHUNK), torch.split(ranks, CHUNK), strict=True):
            buckets = self._buckets(flat)
            torch.index_select(self._table, 0, buckets, out=part)
            if self._crowded is not None:
                places = self._crowded.index_select(0, buckets).nonzero().squeeze(1)
                part[places] = self._exact_table[torch.searchsorted(self._exact_values, flat[places])]
        return ranks.reshape(tensor.shape)

    def mapped(self, function: Callable[[Tensor], Tensor]) -> RelativeRank:
        """The same lookup with ``function`` applied to every rank: far fewer evaluations than one for each number."""
        other = object.__new__(RelativeRank)
        other.__dict__.update(self.__dict__)
        other._table = function(self._table)
        if self._crowded is not None:
            other._exact_table = function(self._exact_table)
        return other

    def _rank_crowded(self, numbers: Sequence[Tensor], counts: Tensor) -> None:
        assert self._crowded is not None
        inside = [chunk[self._crowded[self._buckets(chunk)]] for chunk in _chunks(numbers)]
        self._exact_values, repeats = torch.unique(torch.cat(inside), sorted=True, return_counts=True)
        below_bucket = counts.cumsum(0) - counts
        bucket_of_value = _keys(self._exact_values) - self._lowest_key
        among_crowded = repeats.cumsum(0) - repeats
        first_in_bucket = torch.searchsorted(bucket_of_value, bucket_of_value)
        below = below_bucket[bucket_of_value] + among_crowded - among_crowded[first_in_bucket]
        self._exact_table = _scaled(below, repeats, self.count)

    def _buckets(self, flat: Tensor) -> Tensor:
        return _keys(flat).sub_(self._lowest_key)


def _range(numbers: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The smallest and the largest number."""
    extremes = []
    for tensor in numbers:
        if tensor.dtype != torch.float32:
            raise TypeError(f"numbers to rank must be float32, not {tensor.dtype}.")
        if tensor.numel():
            extremes.append(torch.stack(torch.aminmax(tensor)))
    low, high = torch.aminmax(torch.stack(extremes))
    if not (bool(low >= 0) and bool(torch.isfinite(high))):
        raise ValueError("numbers to rank must be finite and at least 0.")
    return low, high


def _chunks(numbers: Sequence[Tensor]) -> Iterator[Tensor]:
    """All numbers, flat, in pieces of about `CHUNK`; small tensors are joined."""
    waiting: list[Tensor] = []
    held = 0
    for tensor in numbers:
        for piece in torch.split(tensor.reshape(-1), CHUNK):
            waiting.append(piece)
            held += piece.numel()
            if held >= CHUNK:
                yield torch.cat(waiting) if len(waiting) > 1 else waiting[0]
                waiting, held = [], 0
    if held:
        yield torch.cat(waiting) if len(waiting) > 1 else waiting[0]


def _keys(flat: Tensor) -> Tensor:
    # abs turns −0.0 into 0.0, whose bit pattern would otherwise be the smallest integer
    return flat.abs().view(torch.int32).bitwise_right_shift_(DROPPED_BITS)


def _mean_ranks(counts: Tensor, total: int) -> Tensor:
    return _scaled(counts.cumsum(0) - counts, counts, total)


def _scaled(below: Tensor, repeats: Tensor, total: int) -> Tensor:
    return ((below.double() + (repeats.double() - 1) / 2) / max(total - 1, 1)).float()
