"""Keep probabilities by bucketed ranks against a double argsort over one flat array, side by side.

Run: ``python tests/perf/mask_refresh.py [--millions 85] [--largest 355] [--rounds 5]``

Prints medians and their ratio, the largest difference of the ranks, and the growth of resident memory; then time and
memory for the largest model, without the double argsort.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
from collections.abc import Iterable, Mapping

import psutil
import torch
from side_by_side import Measurement, at_least, at_most, conclude, in_turns, parser_of, ratio, timed

from methods.gradient_mask import keep_probabilities, keep_probability
from methods.relative_rank import RelativeRank

ALPHA, BETA = 0.9, 10.0
MATRIX = 2_000_000


def importance(count: int) -> dict[str, torch.Tensor]:
    """Squared gradients over many magnitudes, in matrices of two million."""
    generator = torch.Generator().manual_seed(0)
    sizes = [min(MATRIX, count - start) for start in range(0, count, MATRIX)]
    return {
        str(number): torch.randn(size, generator=generator).square()
        * (3 * torch.randn(size, generator=generator)).exp()
        * 1e-8
        for number, size in enumerate(sizes)
    }


def naive(values: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ranks by sorting twice, and the probability of each."""
    flat = torch.cat(list(values.values()))
    ranks = torch.argsort(torch.argsort(flat)) / (len(flat) - 1)
    return ranks, keep_probability(ranks, ALPHA, BETA)


class PeakMemory:
    """Growth of this process's resident memory while the context is open, bytes, sampled every few milliseconds."""

    def __enter__(self) -> PeakMemory:
        self._process = psutil.Process(os.getpid())
        self._before = self._peak = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.002):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._peak = max(self._peak, self._process.memory_info().rss)
        self._done.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        """Bytes above what was resident at the start."""
        return self._peak - self._before


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes that the tensors take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def largest_rank_error(values: Mapping[str, torch.Tensor], exact: torch.Tensor) -> float:
    """Largest difference between a bucketed rank and the one by sorting, in parts of the whole."""
    flat = torch.cat(list(values.values()))
    return float((RelativeRank([flat])(flat) - exact).abs().max())


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--millions", type=float, default=85)
    parser.add_argument("--largest", type=float, default=355)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found: list[Measurement] = []

    values = importance(int(options.millions * 1e6))
    with PeakMemory() as memory:
        keep_probabilities(values, ALPHA, BETA)
    share = memory.growth / bytes_of(values.values())
    exact: list[torch.Tensor] = []

    def sort_twice() -> None:
        exact[:] = naive(values)[:1]

    seconds = in_turns(
        {"ours": lambda: keep_probabilities(values, ALPHA, BETA), "naive": sort_twice},
        options.rounds,
        warm_up=False,
    )
    ours, theirs = (statistics.median(seconds[name]) for name in ("ours", "naive"))
    faster = ratio(seconds["naive"], seconds["ours"])
    title = f"mask refresh, {options.millions:g} M parameters"
    found.append(
        at_least(
            f"{title}: against a double argsort", faster, 15, f"{faster:.1f}× ({ours:.2f} s against {theirs:.2f} s)"
        )
    )
    found.append(at_most(f"{title}: extra memory, as a multiple of the parameters' bytes", share, 2, f"{share:.2f}×"))
    error = largest_rank_error(values, *exact)
    found.append(at_most(f"{title}: largest error of a rank in [0, 1]", error, 1e-4, f"{error:.1e}", unit=""))

    exact.clear()
    values = importance(int(options.largest * 1e6))
    with PeakMemory() as memory:
        alone, _ = timed(lambda: keep_probabilities(values, ALPHA, BETA))
    share = memory.growth / bytes_of(values.values())
    found.append(
        at_most(
            f"mask refresh, {options.largest:g} M parameters: extra memory, as a multiple of the parameters' bytes",
            share,
            2,
            f"{share:.2f}× ({memory.growth / 2**30:.1f} GiB), {alone:.1f} s",
        )
    )
    return conclude(options, found)


if __name__ == "__main__":
    sys.exit(main())
