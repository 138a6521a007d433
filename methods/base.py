"""The interface of a fine-tuning method."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from methods.card import Card
from methods.hyper_parameter import hyper_parameter

if TYPE_CHECKING:
    from torch import Tensor, nn

    from methods.fine_tuning_run import FineTuningRun

Batch = dict[str, Any]
"""One mini-batch as the data collator makes it: ``input_ids`` and ``attention_mask`` (B, L), ``labels`` (B,)."""


@dataclass_transform(kw_only_default=True, field_specifiers=(hyper_parameter, Field))
class Method:
    """A way to fine-tune a sequence classifier.

    A subclass becomes a dataclass: its annotated fields are its hyper-parameters, given by keyword and validated on
    construction (``pydantic.ValidationError``, a ``ValueError``, names the field and its range). Most methods
    override `loss` alone. Hooks call ``super()`` so that methods combine by inheritance, as RoAST does, or by name
    (`methods.compose`).

    Raises:
        TypeError: when the class is made, for a hyper-parameter named like one of the methods below.
    """

    card: ClassVar[Card | None] = None
    """Provenance and cost; optional for a method of one's own."""

    published_settings: ClassVar[dict[str, dict[str, Any]]] = {}
    """Hyper-parameters published for a family of tasks ("sentiment", "entailment"), where they differ by family."""

    short_training: ClassVar[dict[str, Any]] = {}
    """Hyper-parameters for a hundred steps on a toy, where the published ones presume thousands; for check-method."""

    owns: ClassVar[frozenset[str]] = frozenset()
    """Of "loss" and "backward", those that this method makes alone: two methods that own the same do not combine.

    Worked out where a class does not state it: what it overrides itself, and what its bases own.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "owns" not in vars(cls):
            inherited = [base.owns for base in cls.__bases__ if issubclass(base, Method)]
            cls.owns = frozenset().union(*inherited) | ({"loss", "backward"} & vars(cls).keys())
        dataclass(cls, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True))
        for name in cls.hyper_parameters():
            if hasattr(Method, name):
                raise TypeError(f"{cls.__name__}.{name}: a hyper-parameter may not be named like a part of Method.")

    def __post_init__(self) -> None:
        """On construction: set empty state. Calls ``super().__post_init__()``, for the methods it is combined with."""

    def prepare_model(self, model: nn.Module) -> None:
        """First of all, before there is an optimizer, in fresh and resumed runs alike: freeze or add parameters.

        Raises:
            ValueError: the method cannot work on this model; the message says why in one line.
        """

    def prepare(self, run: FineTuningRun) -> None:
        """Once, before the first step of a fresh run. A resumed run calls `load_state_dict` instead."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Objective of one mini-batch, a scalar with a gradient. Default: the model's own mean cross-entropy."""
        loss: Tensor = model(**batch).loss
        return loss

    def backward(self, run: FineTuningRun, model: nn.Module, batch: Batch) -> Tensor:
        """Leave the mini-batch's gradient in the parameters and return the detached loss.

        Methods with several backward passes override this; ``run.backward`` takes care of gradient accumulation and
        mixed precision. In a data-parallel run ``model`` is the model without its wrapper, ``batch`` is this process's
        share, and gradients are averaged afterwards.
        """
        with run.autocast():
            loss = self.loss(model, batch)
        run.backward(loss)
        return loss.detach()

    def transform_gradients(self, model: nn.Module) -> None:
        """After accumulation, before the optimizer's step: change the gradients in place."""

    def end_step(self, run: FineTuningRun) -> None:
        """After each step of the optimizer, before the learning rate moves on; ``run.step`` does not count it yet."""

    def end_epoch(self, run: FineTuningRun) -> None:
        """After the last step of each epoch, before it is evaluated."""

    def evaluated_weights(self, model: nn.Module) -> AbstractContextManager[None]:
        """Context in which the model has the weights to evaluate, where they are not those being trained."""
        return nullcontext()

    def finish(self, run: FineTuningRun) -> None:
        """After training, with the kept epoch's weights in the model and its state in the method."""

    def step_units(self) -> float:
        """Cost of one step: forward 1, backward to inputs alone 1, full backward 2, as a mean over steps.

        Where it depends on the texts, this is the bound, and ``report`` has what it was as ``units_a_step``.
        """
        return 3.0

    def report(self) -> dict[str, Any]:
        """Figures worth keeping in the record, as JSON values."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """State beyond the model's weights that a resumed run needs: tensors, numbers, strings, lists, dicts."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""

    @classmethod
    def hyper_parameters(cls) -> dict[str, Any]:
        """Field name → pydantic ``FieldInfo`` (default, description, limits, source) of every hyper-parameter."""
        return dict(getattr(cls, "__pydantic_fields__", {}))

    def values(self) -> dict[str, Any]:
        """Hyper-parameters of this instance, by name."""
        return {name: getattr(self, name) for name in self.hyper_parameters()}

    @classmethod
    def summary(cls) -> str:
        """First line of the docstring; empty where there is none."""
        lines = (cls.__doc__ or "").strip().splitlines()
        # dataclass puts the signature where a class has no docstring
        return lines[0] if lines and not lines[0].startswith(f"{cls.__name__}(") else ""
