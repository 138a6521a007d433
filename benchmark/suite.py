"""Suites: what a run consists of, as a small typed file."""

from __future__ import annotations

import reprlib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.errors import UserError
from benchmark.lookup import find
from leaderboard.read_bounded import read_bounded

LONGEST_SUITE = 2**16
"""Bytes of a suite's file."""

MOST_DOTS = 200
"""In one line: the time that TOML's parser takes grows with the square of a key's depth."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


Decay = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class TrainingSettings(_Settings):
    """How every method of the suite fine-tunes. The defaults are the published ones (arXiv 2312.04032)."""

    epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=16, ge=1)
    gradient_accumulation: int = Field(default=1, ge=1, description="mini-batches per optimizer step")
    learning_rate: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=0.01, ge=0, description="none on biases and normalisation")
    adam_betas: tuple[Decay, Decay] = (0.9, 0.98)
    adam_epsilon: float = Field(default=1e-6, gt=0)
    warmup_ratio: float = Field(default=0.06, ge=0, le=1, description="share of the steps, then linear decay")
    max_length: int = Field(default=128, ge=4, description="tokens; longer texts are cut")
    train_size: int | None = Field(default=None, ge=1, description="training texts, a fixed sample; null is all")
    selection: Literal["held-out", "reported"] = Field(
        default="held-out", description="what the kept epoch is chosen on; the published recipe uses reported"
    )
    length_bucketing: bool = Field(default=False, description="mini-batches of texts of similar length")
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"


class EvaluationSettings(_Settings):
    """What is scored."""

    evaluation_size: int | None = Field(
        default=None, ge=1, description="texts of each evaluation set at most, a fixed sample; null is all"
    )
    projection: Literal["probabilities", "predictions"] = Field(
        default="probabilities",
        description="how sets with fewer classes than the task are scored: classes merged before every metric, "
        "or the predicted class alone, as in RoAST's released code",
    )


class AttackSettings(_Settings):
    """A live attack and its budget."""

    recipe: str
    examples: int = Field(ge=1, description="texts of the attacked set, a fixed sample")
    max_queries: int | None = Field(default=None, ge=1, description="model queries for each text; null is unlimited")
    seed: Seed = 0
    evaluation_set: str | None = Field(default=None, description="attacked set; null is the in-distribution test set")
    field: Literal["premise", "hypothesis", "both"] = Field(
        default="hypothesis", description="which text of a pair is attacked; plays no part for single texts"
    )


Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Suite(_Settings):
    """Tasks, backbones, methods and seeds, all combined, under one setting."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
    description: str = ""
    tasks: Names
    backbones: Names
    methods: Names
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    attacks: tuple[AttackSettings, ...] = ()
    hyper_parameters: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="method → its hyper-parameters that differ from the published ones"
    )


def shipped_suites() -> dict[str, str]:
    """Name → text of the suites that come with the package."""
    folder = files("benchmark.suites")
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def load_suite(name: str) -> Suite:
    """A shipped suite by name, or one from a TOML file.

    Raises:
        UserError: there is no such suite, or the file is malformed.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            text = read_bounded(path, LONGEST_SUITE).decode("utf-8").removeprefix("\ufeff")
        except OSError as error:
            raise UserError(f"suite file {path}: cannot be read ({error.strerror}).") from None
        except (UnicodeDecodeError, ValueError) as error:
            raise UserError(f"suite file {path}: cannot be read ({error}).") from None
        return parse_suite(text, name)
    return parse_suite(find("suite", name, shipped_suites()), name)


def parse_suite(text: str, place: str) -> Suite:
    """A suite from TOML text; ``place`` names it in errors.

    Raises:
        UserError: the text is not TOML or not a suite.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if line.count(".") > MOST_DOTS:
            raise UserError(f"suite {place}: line {number} has more than {MOST_DOTS} dots; nest and write less.")
    try:
        content = tomllib.loads(text)
        str(content)  # fails where a hexadecimal number has more digits than errors, hashes and records can hold
        return Suite.model_validate(content)
    except RecursionError:
        raise UserError(
            f"suite {place}: is nested too deep; a suite has tables of tables, and lists in them."
        ) from None
    except ValidationError as error:
        raise UserError(f"suite {place}: {first_problem(error)}") from None
    except ValueError as error:  # malformed, or a number of thousands of digits
        raise UserError(f"suite {place}: is not TOML: {error}.") from None


def overridden(suite: Suite, changes: dict[str, Any], *, training: dict[str, Any], evaluation: dict[str, Any]) -> Suite:
    """The suite with some values replaced.

    Raises:
        UserError: a value is out of range.
    """
    content = suite.model_dump(exclude_unset=True)
    content.update(changes)
    content["training"] = {**content.get("training", {}), **training}
    content["evaluation"] = {**content.get("evaluation", {}), **evaluation}
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        raise UserError(first_problem(error)) from None


def first_problem(error: ValidationError) -> str:
    """The first thing that failed validation, in one line: where, what, and what would be right."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where}: there is no such setting."
    if problem["type"] in ("missing", "missing_keyword_only_argument"):
        return f"{where}: has no default and must be given."
    return f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}, not {reprlib.repr(problem['input'])}."
