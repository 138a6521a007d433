"""Step time of RoAST, as published and with the reused clean forward, against vanilla, side by side.

Run: ``python tests/perf/roast_step.py [--mirror FOLDER] [--batch 16] [--length 128] [--rounds 5]``

The model has MiniLM's shape (6 layers, 384 wide) and random weights; one step is forward, backward, gradient transform
and the Trainer's default optimizer (fused AdamW). The methods take turns; a ratio is the median over the rounds of the
ratio to vanilla in the same round. Once at the full length, once on mini-batches of SST-2 sentences padded to their
longest, and then where the time of a step goes.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from minilm_shaped import minilm_shaped
from side_by_side import Breakdown, Measurement, at_most, conclude, in_turns, parser_of, ratio
from texts import NO_MIRROR, read_sst2
from transformers import PreTrainedTokenizerBase

from benchmark.backbones import load_tokenizer, locate
from methods import Method, methods
from methods.architecture import encoder_parameters
from methods.gradient_mask import keep_probabilities

Batch = dict[str, torch.Tensor]

REUSED = "roast, reused clean forward"
LITERAL = "roast, literal"
MEASURED: dict[str, Callable[[], Method]] = {
    "vanilla": lambda: methods["vanilla"](),
    LITERAL: lambda: methods["roast"](),
    REUSED: lambda: methods["roast"](reuse_clean_forward=True),
}
TARGET = 2.4
SST2_BATCHES = 2

PHASE_ROUNDS = 3


class Trained:
    """A model of its own with a method and an optimizer; calling it is one step on the next mini-batch."""

    def __init__(self, method: Method, batches: list[Batch]) -> None:
        self.model = minilm_shaped().train()
        self.method = method
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=True)
        self._batches = batches
        self._steps = 0
        if hasattr(method, "_multipliers"):
            importance = {name: torch.rand_like(p) for name, p in encoder_parameters(self.model).items()}
            method._multipliers = keep_probabilities(importance, 0.6, 1.0)

    def __call__(self) -> None:
        batch = self._batches[self._steps % len(self._batches)]
        self._steps += 1
        self.method.loss(self.model, batch).backward()
        self.method.transform_gradients(self.model)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def over_all_batches(self) -> None:
        """One step on each mini-batch."""
        for _ in self._batches:
            self()


def full_length(batch: int, length: int) -> list[Batch]:
    """One mini-batch of random tokens."""
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "input_ids": torch.randint(1000, 20_000, (batch, length), generator=generator),
            "attention_mask": torch.ones(batch, length, dtype=torch.long),
            "labels": torch.randint(0, 2, (batch,), generator=generator),
        }
    ]


def sst2_batches(tokenizer: PreTrainedTokenizerBase, texts: list[str], labels: list[int], size: int) -> list[Batch]:
    """Mini-batches in the order of the texts, each padded to its longest."""
    return [
        {
            **tokenizer(
                texts[start : start + size], padding=True, truncation=True, max_length=128, return_tensors="pt"
            ),
            "labels": torch.tensor(labels[start : start + size]),
        }
        for start in range(0, len(texts), size)
    ]


@contextmanager
def phases(step: Trained) -> Iterator[dict[str, float]]:
    """Seconds of each phase of the steps within the context."""
    seconds: dict[str, float] = defaultdict(float)

    def counted(phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*positional: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*positional, **keywords)
            finally:
                seconds[phase] += time.perf_counter() - start

        return call

    with (
        patch.object(step.model, "forward", counted("forward passes", step.model.forward)),
        patch.object(torch.autograd, "grad", counted("gradient at the embedding output", torch.autograd.grad)),
        patch.object(torch.Tensor, "backward", counted("backward pass", torch.Tensor.backward)),
        patch.object(step.optimizer, "step", counted("optimizer", step.optimizer.step)),
        patch.object(
            step.method, "transform_gradients", counted("importance and mask", step.method.transform_gradients)
        ),
    ):
        yield seconds


PHASES = ("forward passes", "gradient at the embedding output", "backward pass", "importance and mask", "optimizer")


def where_time_goes(batches: list[Batch], rounds: int, title: str) -> Breakdown:
    """Milliseconds of the phases of a step, vanilla beside RoAST; medians over the rounds."""
    rows: dict[str, list[str]] = {phase: [phase] for phase in (*PHASES, "everything else", "whole step")}
    for name in ("vanilla", LITERAL, REUSED):
        step = Trained(MEASURED[name](), batches)
        step.over_all_batches()
        found: dict[str, list[float]] = defaultdict(list)
        for _ in range(rounds):
            start = time.perf_counter()
            with phases(step) as seconds:
                step.over_all_batches()
            whole = time.perf_counter() - start
            for phase in PHASES:
                found[phase].append(seconds[phase])
            found["everything else"].append(whole - sum(seconds.values()))
            found["whole step"].append(whole)
        for phase, values in found.items():
            rows[phase].append(f"{1000 * statistics.median(values) / len(batches):.0f}")
    return Breakdown(
        f"Where a step's time goes, {title} (ms, medians of {rounds} rounds)",
        ("phase", "vanilla", LITERAL, REUSED),
        tuple(tuple(row) for row in rows.values()),
    )


def compare(batches: list[Batch], rounds: int, title: str, *, target: float | None) -> list[Measurement]:
    """Every method's step against vanilla's."""
    steps = {name: Trained(make(), batches) for name, make in MEASURED.items()}
    seconds = in_turns({name: step.over_all_batches for name, step in steps.items()}, rounds)
    found = []
    for name, values in seconds.items():
        milliseconds = f"{1000 * statistics.median(values) / len(batches):.0f} ms"
        if name == "vanilla":
            found.append(Measurement(f"step at {title}: vanilla", milliseconds))
            continue
        times = ratio(values, seconds["vanilla"])
        claimed = steps[name].method.step_units() / steps["vanilla"].method.step_units()
        what = f"step at {title}: {name}, against vanilla"
        result = f"{times:.2f}× ({milliseconds}; claimed {claimed:.2f}×)"
        found.append(
            Measurement(what, result) if name != REUSED or target is None else at_most(what, times, target, result)
        )
    return found


def main() -> int:
    """Measure and print."""
    parser = parser_of(__doc__, mirror=True)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    title = f"B={options.batch}, L={options.length}"
    batches = full_length(options.batch, options.length)
    found = compare(batches, options.rounds, title, target=TARGET)
    tables = [where_time_goes(batches, PHASE_ROUNDS, title)]
    if options.mirror is None:
        found.append(Measurement("step at SST-2's own lengths", NO_MIRROR))
    else:
        title = f"SST-2's own lengths, B={options.batch}"
        tokenizer = load_tokenizer(locate("minilm"))
        sentences = read_sst2(options.mirror, "train", options.batch * SST2_BATCHES)
        batches = sst2_batches(tokenizer, *sentences, options.batch)
        found += compare(batches, options.rounds, title, target=TARGET)
        tables.append(where_time_goes(batches, PHASE_ROUNDS, title))
    return conclude(options, found, tables)


if __name__ == "__main__":
    sys.exit(main())
