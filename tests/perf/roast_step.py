"""Step time of RoAST, its halves and its reused clean forward, against vanilla, side by side.

Run: ``python tests/perf/roast_step.py [--batch 16] [--length 128] [--rounds 7]``

The model has MiniLM's shape (6 layers, 384 wide) and random weights; one step is forward, backward, gradient transform
and AdamW. The methods take turns, and medians over the rounds are printed, with their ratio to vanilla.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from transformers import BertConfig, BertForSequenceClassification

from methods import Method, methods
from methods.architecture import encoder_parameters
from methods.gradient_mask import keep_probabilities

CLAIMED_UNITS = {
    "vanilla": 3,
    "roast-selective": 3,
    "roast-adversarial": 8,
    "roast": 8,
    "roast, reused clean forward": 7,
}


def minilm_shaped() -> BertForSequenceClassification:
    """Random weights in MiniLM's shape."""
    torch.manual_seed(0)
    return BertForSequenceClassification(
        BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    )


def step(method: Method, batch: dict[str, torch.Tensor]) -> Callable[[], None]:
    """One optimizer step of a method on a model of its own."""
    model = minilm_shaped().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    if hasattr(method, "_multipliers"):
        importance = {name: torch.rand_like(p) for name, p in encoder_parameters(model).items()}
        method._multipliers = keep_probabilities(importance, 0.6, 1.0)

    def run() -> None:
        method.loss(model, batch).backward()
        method.transform_gradients(model)
        optimizer.step()
        optimizer.zero_grad()

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    batch = {
        "input_ids": torch.randint(1000, 20_000, (options.batch, options.length)),
        "attention_mask": torch.ones(options.batch, options.length, dtype=torch.long),
        "labels": torch.randint(0, 2, (options.batch,)),
    }
    steps = {
        name: step(methods[name](), batch) for name in ("vanilla", "roast-selective", "roast-adversarial", "roast")
    }
    steps["roast, reused clean forward"] = step(methods["roast"](reuse_clean_forward=True), batch)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(options.rounds + 1):
        for name, run in steps.items():
            start = time.perf_counter()
            run()
            if round_:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    vanilla = statistics.median(times["vanilla"])
    print(f"B={options.batch}, L={options.length}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        claimed = CLAIMED_UNITS[name] / CLAIMED_UNITS["vanilla"]
        print(f"{name:<28} {1000 * median:8.1f} ms   {median / vanilla:5.2f}x vanilla   claimed {claimed:.2f}x")


if __name__ == "__main__":
    main()
