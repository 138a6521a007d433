"""Step time of every method against vanilla, side by side, and the table in docs/method-costs.md.

Run: ``python tests/perf/method_steps.py [--batch 8] [--length 32] [--rounds 5] [--methods roast freelb …]
[--write docs/method-costs.md]``

The model has MiniLM's shape (6 layers, 384 wide, 30,522 tokens) and random weights. In each round every method trains a
few steps through ``MethodTrainer`` (AdamW, dropout on), vanilla several times between them; a ratio compares a method's
median step with vanilla's of the same round, and the table gives the median over the rounds. What a method does before
the first step and after the last is not in it: its card says what that is.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from minilm_shaped import minilm_shaped
from side_by_side import Breakdown, conclude, parser_of
from tabulate import tabulate
from transformers import PreTrainedTokenizerFast, TrainerCallback
from transformers.trainer_callback import PrinterCallback

from methods import Method, MethodTrainer, methods
from methods.conformance.tiny_training import arguments, tiny_tokenizer

VOCABULARY = 30_522
STEPS = 3
"""Steps of one method in a round; the first is left out, since it warms up."""

BETWEEN = 6
"""Methods between two turns of vanilla."""


class RandomTexts(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Texts of equal length from random words, with random labels."""

    def __init__(self, size: int, length: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.tokens = torch.randint(1000, 20_000, (size, length), generator=generator)
        self.labels = torch.randint(0, 2, (size,), generator=generator)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        tokens = self.tokens[row]
        return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": self.labels[row]}


class StepTimes(TrainerCallback):
    """Seconds of each step, from before its forward pass until after the optimizer."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.started = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.perf_counter() - self.started)


def method_under(name: str) -> Method:
    """The method as it is measured: with what it sets for short trainings, and attacking from the first step on."""
    return methods[name](**methods[name].short_training, **({"clean_epochs": 0} if name == "a2t" else {}))


def median_step(name: str, batch: int, length: int, words: PreTrainedTokenizerFast, folder: Path) -> float:
    """Seconds of a step under a method, the median of those after the first."""
    times = StepTimes()
    trainer = MethodTrainer(
        model=minilm_shaped(),
        # At the published learning rate, which some methods' strengths presume.
        args=arguments(folder, per_device_train_batch_size=batch, max_steps=STEPS, learning_rate=1e-5),
        train_dataset=RandomTexts(2 * batch, length),
        eval_dataset=RandomTexts(batch, length),
        processing_class=words,
        method=method_under(name),
        callbacks=[times],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return statistics.median(times.seconds[1:])


def measured(names: list[str], options: argparse.Namespace) -> tuple[dict[str, float], float]:
    """Ratio of each method's step to vanilla's, and vanilla's seconds; medians over the rounds."""
    words = tiny_tokenizer(VOCABULARY)
    ratios: dict[str, list[float]] = {name: [] for name in names}
    vanilla_steps: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(options.rounds):
            vanilla: list[float] = []
            seconds: dict[str, float] = {}
            for position, name in enumerate(names):
                if position % BETWEEN == 0:
                    vanilla.append(median_step("vanilla", options.batch, options.length, words, Path(folder)))
                seconds[name] = median_step(name, options.batch, options.length, words, Path(folder))
            reference = statistics.median(vanilla)
            vanilla_steps.append(reference)
            for name, value in seconds.items():
                ratios[name].append(value / reference)
            print(f"round {round_ + 1} of {options.rounds}: vanilla {1000 * reference:.0f} ms", flush=True)
    return {name: statistics.median(values) for name, values in ratios.items()}, statistics.median(vanilla_steps)


def table(ratios: dict[str, float]) -> str:
    """Markdown, cheapest first."""
    rows = []
    for name, ratio in sorted(ratios.items(), key=lambda item: item[1]):
        units = method_under(name).step_units()
        card = methods[name].card
        rows.append((f"`{name}`", units, units / 3, ratio, card.cost if card else ""))
    headers = ("method", "units a step", "claimed × vanilla", "measured × vanilla", "what its card says of cost")
    return tabulate(rows, headers, tablefmt="github", floatfmt=("", ".1f", ".2f", ".2f", ""))


def main() -> int:
    """Measure, print, and write the page where one is named."""
    parser = parser_of(__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--methods", nargs="*", help="all by default")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    ratios, vanilla = measured(sorted(options.methods or methods), options)
    setting = (
        f"B={options.batch}, L={options.length}, medians of {options.rounds} rounds, "
        f"vanilla {1000 * vanilla:.0f} ms a step; "
        f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}, {time.strftime('%Y-%m-%d')}"
    )
    if options.write:
        options.write.write_text(f"{PAGE}\n{setting}.\n\n{table(ratios)}\n", encoding="utf-8")
    rows = tuple(
        (name, f"{value:.2f}×", f"{method_under(name).step_units() / 3:.2f}×")
        for name, value in sorted(ratios.items(), key=lambda item: item[1])
    )
    title = f"Steps of the methods through MethodTrainer against vanilla's, {setting.partition(';')[0]}"
    return conclude(options, [], [Breakdown(title, ("method", "measured", "claimed"), rows)])


PAGE = """# What each method costs

Made by `python tests/perf/method_steps.py --write docs/method-costs.md`; do not edit.

A unit is one forward pass of the model: forward 1, backward to activations alone 1, full backward 2, so that a plain
step is 3. `roast-bench check-method NAME` counts them. The measured ratio includes the optimizer and whatever the
method does to gradients and weights; passes before the first step and after the last are not in it. What `a2t` takes
depends on the texts: its claim is an upper bound, and the random texts measured here are not typical.
"""

if __name__ == "__main__":
    sys.exit(main())
