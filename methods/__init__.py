"""Fine-tuning methods: one interface, one file per method, and a Trainer that runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from methods.base import Batch, Method
from methods.card import Card
from methods.composition import CompositionError, canonical_name, compose, method_named
from methods.hyper_parameter import hyper_parameter
from methods.registry import methods, register, short_names

# Importing a method's file registers it.
from methods import (  # noqa: F401  isort: skip
    a2t,
    advembed,
    adversarial_perturbation,
    advweight,
    bitfit,
    childtuning_d,
    childtuning_f,
    ema,
    freelb,
    hiddencut,
    infobert,
    l2_sp,
    label_smoothing,
    lora,
    lp_ft,
    mixout,
    r3f,
    r_drop,
    rift,
    roast,
    roast_ablations,
    rose,
    selective,
    smart,
    temperature_scaling,
    vanilla,
    wconsol,
    wise_ft,
    worddrop,
)

if TYPE_CHECKING:
    from methods.trainer import MethodTrainer, NonFiniteLossError

__all__ = [
    "Batch",
    "Card",
    "CompositionError",
    "Method",
    "MethodTrainer",
    "NonFiniteLossError",
    "canonical_name",
    "compose",
    "hyper_parameter",
    "method_named",
    "methods",
    "register",
    "short_names",
]


def __getattr__(name: str) -> Any:
    if name in ("MethodTrainer", "NonFiniteLossError"):  # the Trainer takes seconds to import
        from methods import trainer

        return getattr(trainer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
