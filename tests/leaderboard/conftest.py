"""A factory of valid records; every test changes only what it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leaderboard.compact_logits import compact
from leaderboard.packed_bits import pack_bits
from leaderboard.record import (
    PERSPECTIVES,
    AttackResult,
    CellIdentity,
    Code,
    Configuration,
    DataFingerprint,
    EvaluatedSet,
    Failure,
    Machine,
    Record,
    Score,
    Training,
)

SCORES = {"acc_in": 90.0, "acc_shift": 80.0, "acc_adv": 50.0, "ece": 10.0, "auroc": 60.0}
SETS = {
    "sst2": ("in-distribution", "acc_in"),
    "imdb": ("shift", "acc_shift"),
    "yelp": ("shift", "acc_shift"),
    "advglue-sst2": ("adversarial", "acc_adv"),
    "qqp": ("anomaly", "auroc"),
}


def make_score(value: float | None, sets: tuple[str, ...], key: str = "acc_in", reason: str | None = None) -> Score:
    return Score(
        value=value,
        sets=sets,
        higher_is_better=key != "ece",
        reason=reason or ("not computed" if value is None else None),
    )


def make_set(name: str, **changes: Any) -> EvaluatedSet:
    fields = {"rows": 1000, "rows_available": 1000, "sha256": f"hash of {name}", "partial": False}
    return EvaluatedSet(**{**fields, "role": SETS.get(name, ("shift",))[0], **changes})


def make_attack(**changes: Any) -> AttackResult:
    fields: dict[str, Any] = {
        "recipe": "deepwordbug",
        "evaluation_set": "sst2",
        "examples": 100,
        "max_queries": 200,
        "seed": 0,
        "succeeded": 40,
        "failed": 50,
        "skipped": 10,
        "accuracy_under_attack": make_score(50.0, ("sst2",)),
        "attack_success_rate": make_score(44.4, ("sst2",)),
        "queries": 9000,
        "seconds": 12.5,
    }
    return AttackResult(**{**fields, **changes})


def make_record(
    method: str = "vanilla",
    seed: int = 1,
    scores: dict[str, float | None] | None = None,
    *,
    hyper_parameters: dict[str, Any] | None = None,
    resolved: dict[str, Any] | None = None,
    task: str = "sentiment",
    backbone: str = "minilm",
    suite: str = "small",
    sets: dict[str, EvaluatedSet] | None = None,
    covers: dict[str, tuple[str, ...]] | None = None,
    reasons: dict[str, str] | None = None,
    selection: str = "held-out",
    failure: str | None = None,
    config_hash: str | None = None,
    started: str = "2026-01-01T00:00:00Z",
    **changes: Any,
) -> Record:
    values: dict[str, float | None] = {**SCORES, **(scores or {})}
    covered = {key: tuple(name for name, (_, of) in SETS.items() if of == key) for key in PERSPECTIVES}
    covered["ece"] = tuple(name for name, (role, _) in SETS.items() if role != "anomaly")
    covered |= covers or {}
    configuration = {
        "task": task,
        "backbone": backbone,
        "method": method,
        "seed": seed,
        "hyper_parameters": hyper_parameters or {},
        "training": {"epochs": 3, "batch_size": 16},
        "evaluation": {"protocol": "paper"},
        "attacks": [],
        **(resolved or {}),
    }
    fields: dict[str, Any] = {
        "status": "failed" if failure else "finished",
        "cell": CellIdentity(
            task=task,
            backbone=backbone,
            method=method,
            seed=seed,
            config_hash=config_hash or hashlib.sha256(repr(configuration).encode()).hexdigest()[:16],
            suite=suite,
        ),
        "configuration": Configuration(given={}, resolved=configuration),
        "code": Code(version="0.1.0", commit="0123456789abcdef", dirty=False),
        "packages": {"torch": "2.9.0", "transformers": "4.57.1"},
        "machine": Machine(device="cpu", processor="x", threads=2, python="3.11", system="Linux"),
        "started": started,
        "training_data": {
            "sst2": DataFingerprint(rows=500, rows_available=500, sha256="hash of training", partial=False)
        },
        "evaluation_sets": {name: make_set(name) for name in SETS} | (sets or {}),
    }
    if failure:
        fields["failure"] = Failure(kind="ValueError", message=failure, traceback="Traceback …")
    else:
        fields["training"] = Training(
            steps=100, selection=selection, selection_accuracy=(90.0,), kept_epoch=1, loss=0.3
        )
        fields["scores"] = {
            key: make_score(value, covered[key], key, (reasons or {}).get(key)) for key, value in values.items()
        }
    return Record(**{**fields, **changes})


@dataclass(frozen=True)
class Predicted:
    """An evaluation set and what a classifier says of it."""

    role: str
    logits: Any
    """(n, classes)."""
    labels: Any = None
    """(n,); None for anomalies."""
    groups: tuple[tuple[int, ...], ...] | None = None


def make_predicted_record(
    method: str,
    seed: int,
    sets: dict[str, Predicted],
    held_out: list[bool] | None = None,
    *,
    projection: str = "probabilities",
    **changes: Any,
) -> Record:
    """A record that carries logits, with the benchmark's scores; anomalies are told from the first set.

    ``held_out`` adds a live attack, deepwordbug, on the first set.
    """
    from benchmark.scoring import PredictedSet, perspectives, score_sets
    from leaderboard.record import MergedClasses
    from tasks import Role

    evaluated, predicted = {}, {}
    for name, given in sets.items():
        merged = None
        if given.groups is not None:
            merged = MergedClasses(labels=tuple(map(str, range(len(given.groups)))), groups=given.groups)
        evaluated[name] = make_set(
            name,
            role=given.role,
            rows=len(given.logits),
            rows_available=len(given.logits),
            projection=merged,
            compact_logits=compact(given.logits, None if given.labels is None else list(given.labels)),
        )
        predicted[name] = PredictedSet(Role(given.role), given.logits, given.labels, merged)
    attacks: tuple[AttackResult, ...] = ()
    test = next(iter(sets))
    if held_out is not None:
        accuracy = make_score(100.0 * sum(held_out) / len(held_out), (test,))
        attacks = (
            make_attack(
                evaluation_set=test,
                examples=len(held_out),
                held_out=pack_bits(held_out),
                accuracy_under_attack=accuracy,
            ),
        )
    set_scores = score_sets(predicted, test, projection)
    fields: dict[str, Any] = {
        "evaluation_sets": evaluated,
        "in_distribution_test": test,
        "attacks": attacks,
        "set_scores": set_scores,
        "scores": perspectives({name: item.role for name, item in predicted.items()}, set_scores, attacks),
    }
    resolved = {"evaluation": {"projection": projection}}
    return Record(**{**dict(make_record(method, seed, resolved=resolved, **changes)), **fields})


@pytest.fixture
def predicted() -> type[Predicted]:
    return Predicted


@pytest.fixture
def predicted_record_factory() -> Callable[..., Record]:
    return make_predicted_record


@pytest.fixture
def record_factory() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def set_factory() -> Callable[..., EvaluatedSet]:
    return make_set


@pytest.fixture
def attack_factory() -> Callable[..., AttackResult]:
    return make_attack


@pytest.fixture
def write_record() -> Callable[[Record, Path], Path]:
    def write(record: Record, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "record.json"
        path.write_text(record.model_dump_json(indent=1), encoding="utf-8")
        return path

    return write
