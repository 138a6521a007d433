"""What a search leaves to be read and committed: a page, and the same as JSON."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from benchmark.tuning.search import Combination, Search, Searched
from benchmark.tuning.trial import Outcome, Trial
from benchmark.tuning.trial_table import NOTHING, kept_epoch, render_trials
from leaderboard.escape_markdown import escape_markdown
from leaderboard.one_line import one_line
from leaderboard.record import DataFingerprint


@dataclass(frozen=True)
class Searching:
    """What was asked for, and on which texts."""

    suite: str
    task: str
    backbone: str
    method: str
    seeds: tuple[int, ...]
    search: Search
    grid: Mapping[str, tuple[Any, ...]]
    own: Mapping[str, Any]
    """The suite's own value of each hyper-parameter of the grid, after defaults."""
    start: Mapping[str, Any]
    """Where a coordinate search starts."""
    training: Mapping[str, Any]
    """The suite's settings of training, after defaults."""
    training_data: Mapping[str, DataFingerprint]


def render_markdown(asked: Searching, searched: Searched) -> str:
    """The search as one Markdown page; the same trials give the same text."""
    names = list(asked.grid)
    grid = tabulate(
        [
            [
                str(number),
                *(_cell(combination.values[name]) for name in names),
                _accuracy(combination),
                ", ".join(_kept_epoch(item) for item in combination.tried),
                ", ".join(_seconds(item) for item in combination.tried),
                _remark(combination, searched),
            ]
            for number, combination in enumerate(searched.combinations, start=1)
        ],
        headers=[
            "combination",
            *map(escape_markdown, names),
            "selection accuracy %",
            "kept epoch",
            "training, processor s",
            "",
        ],
        tablefmt="github",
        disable_numparse=True,
    )
    lines = [
        f"Suite {asked.suite}; task {asked.task}; backbone {asked.backbone}; seeds {', '.join(map(str, asked.seeds))}.",
        *_how(asked),
        f"Training data: {_data(asked.training_data['train'])}. "
        f"Selection slice, set aside from the training data: {_data(asked.training_data['selection'])}. "
        "No evaluation set was read.",
        "Selection accuracy: of the best epoch, which a run would keep (of equal ones the last); mean over seeds, "
        "± sample standard deviation.",
        f"Training: {', '.join(f'{name} {_value(value)}' for name, value in asked.training.items())}.",
        *_made_with(searched),
    ]
    if searched.failed:
        lines.append(
            f"Of {len(searched.combinations)} combinations {len(searched.failed)} failed, and were not chosen from; "
            "the same search again tries them again."
        )
    if searched.chosen is None:
        choice = ["Nothing is chosen: every combination failed."]
    else:
        choice = ["The chosen values, for a suite:", f"```toml\n{as_toml(asked.method, searched.chosen)}\n```"]
    return (
        "\n\n".join(
            [
                f"# Hyper-parameters of {escape_markdown(one_line(asked.method))}",
                "Made by `roast-bench tune`; edits are overwritten.",
                "\n".join(f"- {escape_markdown(one_line(line, 1000))}" for line in lines),
                grid,
                *choice,
                render_trials(searched.combinations),
            ]
        )
        + "\n"
    )


def render_json(asked: Searching, searched: Searched) -> bytes:
    """The same for a program, with every trial."""
    content = {
        "suite": asked.suite,
        "task": asked.task,
        "backbone": asked.backbone,
        "method": asked.method,
        "seeds": asked.seeds,
        "search": asked.search,
        "grid": dict(asked.grid),
        "start": dict(asked.start) if asked.search == "coordinate" else None,
        "chosen": None if searched.chosen is None else dict(searched.chosen.values),
        "combinations": [
            {
                "values": dict(combination.values),
                "selection_accuracy": combination.accuracy,
                "deviation": combination.deviation,
                "trials": [trial.model_dump(mode="json") for trial in combination.trials],
                "failures": [{"seed": failed.seed, "reason": failed.reason} for failed in combination.failures],
            }
            for combination in searched.combinations
        ],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def as_toml(method: str, combination: Combination) -> str:
    """The values as lines of a suite."""
    values = "\n".join(f"{name} = {json.dumps(value)}" for name, value in combination.values.items())
    key = method if re.fullmatch("[A-Za-z0-9_-]+", method) else json.dumps(method)  # A+B is no bare key of TOML
    return f"[hyper_parameters.{key}]\n{values}"


def _how(asked: Searching) -> list[str]:
    axes = "; ".join(f"{name} from {', '.join(map(_value, values))}" for name, values in asked.grid.items())
    ties = (
        "Of combinations of equal accuracy, the first in the order of the grid is chosen, "
        "of which the first hyper-parameter changes slowest."
    )
    if asked.search == "grid":
        return [f"Every combination of {axes}. {ties}"]
    start = ", ".join(f"{name} {_value(asked.start[name])} ({_origin(asked, name)})" for name in asked.grid)
    return [
        f"One hyper-parameter after the other, each at the best values of those before: {axes}. {ties}",
        f"Start, which holds the value of each until its turn: {start}.",
    ]


def _origin(asked: Searching, name: str) -> str:
    own = asked.own[name]
    if asked.start[name] == own:
        return "the suite's"
    return f"the first of the grid, which lacks the suite's {_value(own)}"


def _accuracy(combination: Combination) -> str:
    if combination.accuracy is None:
        return NOTHING
    spread = "" if combination.deviation is None else f" ± {combination.deviation:.2f}"
    return f"{combination.accuracy:.2f}{spread}"


def _kept_epoch(tried: Outcome) -> str:
    return kept_epoch(tried) if isinstance(tried, Trial) else NOTHING


def _seconds(tried: Outcome) -> str:
    seconds = tried.training.processor_seconds if isinstance(tried, Trial) else None
    return NOTHING if seconds is None else f"{seconds:.0f}"


def _remark(combination: Combination, searched: Searched) -> str:
    if combination is searched.chosen:
        return "chosen"
    return "; ".join(f"failed: seed {item.seed}: {escape_markdown(item.reason)}" for item in combination.failures)


def _data(used: DataFingerprint) -> str:
    available = f" of {used.rows_available:,}" if used.rows < used.rows_available else ""
    return f"{used.rows:,}{available} rows, sha256 {used.sha256[:12]}"


def _made_with(searched: Searched) -> list[str]:
    """The versions and machines that trials were made with, a line for each, in the order of the trials."""
    counted = Counter(_versions(trial) for combination in searched.combinations for trial in combination.trials)
    if len(counted) == 1:
        return [f"{versions}." for versions in counted]
    return [f"{trials} of {counted.total()} trials: {versions}." for versions, trials in counted.items()]


def _versions(trial: Trial) -> str:
    code = f"roast-bench {trial.code.version}"
    if trial.code.commit:
        code += f" (commit {trial.code.commit[:10]}{', with uncommitted changes' if trial.code.dirty else ''})"
    threads = "1 thread" if trial.machine.threads == 1 else f"{trial.machine.threads} threads"
    packages = [f"{name} {trial.packages[name]}" for name in ("torch", "transformers") if name in trial.packages]
    return f"{'; '.join([*packages, code])}; device {trial.machine.device}, {threads}"


def _cell(value: object) -> str:
    return escape_markdown(one_line(value)) if isinstance(value, str) else json.dumps(value)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
