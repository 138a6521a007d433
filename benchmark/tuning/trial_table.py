"""The trials of a search one by one: how each went, epoch by epoch."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tabulate import tabulate

from benchmark.tuning.search import Combination
from benchmark.tuning.trial import Trial

NOTHING = "–"

KEPT_FRACTIONS = ("kept_fraction", "child_fraction")
"""Under which of these a method that masks gradients reports the share that its masks kept."""


def render_trials(combinations: Sequence[Combination]) -> str:
    """A sentence and a Markdown table with a row for each trial; where gradients are masked, with the share kept."""
    tried = [
        (str(number), outcome)
        for number, combination in enumerate(combinations, start=1)
        for outcome in combination.tried
    ]
    kept = [kept_fraction(outcome) if isinstance(outcome, Trial) else None for _, outcome in tried]
    masked = any(fraction is not None for fraction in kept)
    rows = []
    for (number, outcome), fraction in zip(tried, kept, strict=True):
        row = [number, str(outcome.seed)]
        row += [_epochs(outcome), kept_epoch(outcome)] if isinstance(outcome, Trial) else ["failed", NOTHING]
        rows.append([*row, NOTHING if fraction is None else f"{100 * fraction:.2f}"] if masked else row)
    headers = ["combination", "seed", "selection accuracy after each epoch, %", "kept epoch"]
    caption = "Each trial; the accuracy of the kept epoch is bold."
    if masked:
        headers.append("kept by masks, %")
        caption += " Kept by masks: share of the masked parameters whose gradient was kept, mean over the masks drawn."
    return f"{caption}\n\n{tabulate(rows, headers=headers, tablefmt='github', disable_numparse=True)}"


def kept_epoch(trial: Trial) -> str:
    """The epoch whose weights a run would keep."""
    return NOTHING if trial.training.kept_epoch is None else str(trial.training.kept_epoch)


def kept_fraction(trial: Trial) -> float | None:
    """Share of the masked parameters whose gradient was kept, mean over the masks; None where nothing was masked."""
    reported = next((trial.training.method[key] for key in KEPT_FRACTIONS if key in trial.training.method), None)
    fractions = reported if isinstance(reported, list | tuple) else [reported]
    numbers = [float(item) for item in fractions if isinstance(item, int | float) and not isinstance(item, bool)]
    if not numbers or len(numbers) < len(fractions):
        return None  # no mask was drawn, or another method gives the name another meaning
    return statistics.fmean(numbers)


def _epochs(trial: Trial) -> str:
    """Accuracies in the order of the epochs, the kept one bold."""
    return " ".join(
        f"**{accuracy:.2f}**" if epoch == trial.training.kept_epoch else f"{accuracy:.2f}"
        for epoch, accuracy in enumerate(trial.training.selection_accuracy, start=1)
    )
