"""What a search leaves to be read and committed: a page, and the same as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from benchmark.tuning.search import Combination, Search, Searched
from benchmark.tuning.trial import Trial
from leaderboard.escape_markdown import escape_markdown
from leaderboard.one_line import one_line
from leaderboard.record import DataFingerprint


@dataclass(frozen=True)
class Searching:
    """What was asked for."""

    suite: str
    task: str
    backbone: str
    method: str
    seeds: tuple[int, ...]
    search: Search
    grid: Mapping[str, tuple[Any, ...]]


def render_markdown(asked: Searching, searched: Searched) -> str:
    """The search as one Markdown page; the same trials give the same text."""
    first = searched.chosen.trials[0]
    settings = first.configuration.resolved["training"]
    names = list(asked.grid)
    rows = [
        [
            *(_cell(combination.values[name]) for name in names),
            _accuracy(combination),
            ", ".join(str(trial.training.kept_epoch) for trial in combination.trials),
            ", ".join(_seconds(trial) for trial in combination.trials),
            "chosen" if combination is searched.chosen else "",
        ]
        for combination in searched.combinations
    ]
    grid = tabulate(
        rows,
        headers=[*map(escape_markdown, names), "selection accuracy %", "kept epoch", "training, processor s", ""],
        tablefmt="github",
        disable_numparse=True,
    )
    lines = [
        f"Suite {asked.suite}; task {asked.task}; backbone {asked.backbone}; seeds {', '.join(map(str, asked.seeds))}.",
        _how(asked),
        f"Training data: {_data(first.training_data['train'])}. "
        f"Selection slice, set aside from the training data: {_data(first.training_data['selection'])}. "
        "No evaluation set was read.",
        "Selection accuracy: of the best epoch, which a run would keep; mean over seeds, ± sample standard deviation.",
        f"Training: {', '.join(f'{name} {_value(value)}' for name, value in settings.items())}.",
        f"{_versions(first)}.",
    ]
    return (
        "\n\n".join(
            [
                f"# Hyper-parameters of {escape_markdown(one_line(asked.method))}",
                "Made by `roast-bench tune`; edits are overwritten.",
                "\n".join(f"- {escape_markdown(one_line(line, 1000))}" for line in lines),
                grid,
                "The chosen values, for a suite:",
                f"```toml\n{as_toml(asked.method, searched.chosen)}\n```",
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
        "chosen": dict(searched.chosen.values),
        "combinations": [
            {
                "values": dict(combination.values),
                "selection_accuracy": combination.accuracy,
                "deviation": combination.deviation,
                "trials": [trial.model_dump(mode="json") for trial in combination.trials],
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


def _how(asked: Searching) -> str:
    axes = "; ".join(f"{name} from {', '.join(map(_value, values))}" for name, values in asked.grid.items())
    if asked.search == "grid":
        return f"Every combination of {axes}. Of equal ones the first is chosen."
    return f"One hyper-parameter after the other, each at the best values of those before: {axes}."


def _accuracy(combination: Combination) -> str:
    spread = "" if combination.deviation is None else f" ± {combination.deviation:.2f}"
    return f"{combination.accuracy:.2f}{spread}"


def _seconds(trial: Trial) -> str:
    seconds = trial.training.processor_seconds
    return "–" if seconds is None else f"{seconds:.0f}"


def _data(used: DataFingerprint) -> str:
    available = f" of {used.rows_available:,}" if used.rows < used.rows_available else ""
    return f"{used.rows:,}{available} rows, sha256 {used.sha256[:12]}"


def _versions(trial: Trial) -> str:
    code = f"roast-bench {trial.code.version}"
    if trial.code.commit:
        code += f" (commit {trial.code.commit[:10]}{', with uncommitted changes' if trial.code.dirty else ''})"
    packages = [f"{name} {trial.packages[name]}" for name in ("torch", "transformers") if name in trial.packages]
    return f"{'; '.join([*packages, code])}; device {trial.machine.device}, {trial.machine.threads} threads"


def _cell(value: object) -> str:
    return escape_markdown(one_line(value)) if isinstance(value, str) else json.dumps(value)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
