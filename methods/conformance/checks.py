"""The checks, one function each: nothing happens where the method passes, `Failed` says in a line what is wrong."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic.fields import FieldInfo

from methods.architecture import head_parameters
from methods.base import Batch, Method
from methods.composition import COOPERATIVE_HOOKS, calls_super
from methods.conformance.step_cost import counted_units
from methods.conformance.tiny_training import (
    STEPS_AN_EPOCH,
    SeparableTexts,
    first_difference,
    pretrained_model,
    tiny_model,
    tiny_trainer,
    trained,
    weights,
)
from methods.fine_tuning_run import FineTuningRun
from methods.random_state import RandomState
from methods.trainer import METHOD_STATE


class Failed(AssertionError):
    """A check that the method does not pass; the message is for its author."""


@dataclass(frozen=True)
class Candidate:
    """A method under check."""

    method: type[Method]
    hyper_parameters: Mapping[str, Any]
    """Values that differ from the defaults."""
    folder: Path
    """Room for checkpoints."""

    def build(self, **changes: Any) -> Method:
        """A fresh instance."""
        return self.method(**{**self.hyper_parameters, **changes})


def described(candidate: Candidate) -> None:
    """The docstring has a first line; every hyper-parameter says what it does and where its default comes from."""
    if not candidate.method.summary():
        raise Failed("the class has no docstring; its first line is what `list methods` shows.")
    for name, field in candidate.method.hyper_parameters().items():
        if not field.description or not (field.json_schema_extra or {}).get("source"):
            raise Failed(
                f"{name}: declare it with hyper_parameter(default, description=..., source=...), "
                "which says what it does and where its default comes from."
            )


def trains(candidate: Candidate) -> None:
    """Steps over two mini-batches each pass, and all weights stay finite."""
    trainer = trained(candidate.build(), candidate.folder, gradient_accumulation_steps=2, num_train_epochs=1)
    _require_finite(trainer.model, "after an epoch")


def repeatable(candidate: Candidate) -> None:
    """The same seed gives the same weights to the bit, whatever else drew random numbers before."""
    first = trained(candidate.build(), candidate.folder, num_train_epochs=1)
    torch.rand(7)
    second = trained(candidate.build(), candidate.folder, num_train_epochs=1)
    different = first_difference(weights(first.model), weights(second.model))
    if different is not None:
        raise Failed(
            f"two trainings from the same seed end in different weights ({different}); draw random numbers from "
            "torch's own generator, or from one seeded with run.seed in prepare."
        )
    if first.method.report() != second.method.report():
        raise Failed("two trainings from the same seed report different figures.")


def resumes(candidate: Candidate) -> None:
    """Interrupted within an epoch or at its end, training ends in the weights of an uninterrupted run, to the bit."""
    whole = trained(candidate.build(), candidate.folder, save_strategy="steps", save_steps=2)
    for step, place in ((STEPS_AN_EPOCH - 2, "within an epoch"), (STEPS_AN_EPOCH, "at an epoch's end")):
        checkpoint = candidate.folder / f"checkpoint-{step}"
        try:
            torch.load(checkpoint / METHOD_STATE, weights_only=True)
        except Exception as error:
            raise Failed(
                "what state_dict returns cannot be read back; it may hold tensors, numbers, strings, lists and dicts "
                f"({_one_line(error)})."
            ) from error
        resumed = trained(candidate.build(), candidate.folder, resume=checkpoint)
        different = first_difference(weights(whole.model), weights(resumed.model))
        if different is not None:
            raise Failed(
                f"training resumed {place} ends in other weights than an uninterrupted run ({different}); return all "
                "that prepare and the steps leave in the method from state_dict, and restore it in load_state_dict."
            )
        if whole.method.report() != resumed.method.report():
            raise Failed(f"training resumed {place} reports other figures than an uninterrupted run.")


def leaves_weights_to_the_optimizer(candidate: Candidate) -> None:
    """The loss, the backward pass and the transformed gradients leave every parameter and buffer as it was."""
    trainer = tiny_trainer(candidate.build(), candidate.folder, num_train_epochs=1)
    method, moved = trainer.method, list[str]()

    def watched(name: str) -> Callable[..., Any]:
        hook = getattr(method, name)

        def call(*positional: Any, **keywords: Any) -> Any:
            before = weights(trainer.model)
            result = hook(*positional, **keywords)
            different = first_difference(before, weights(trainer.model))
            if different is not None:
                moved.append(f"{name} changes {different}; put back what it moves, the optimizer alone takes steps.")
            return result

        return call

    for name in ("backward", "transform_gradients"):
        setattr(method, name, watched(name))
    trainer.train()
    if moved:
        raise Failed(moved[0])


def spares_frozen_weights(candidate: Candidate) -> None:
    """Parameters that the user froze end as they began."""
    model = tiny_model()
    frozen = [*model.bert.embeddings.parameters(), *model.bert.encoder.layer[0].parameters()]
    for parameter in frozen:
        parameter.requires_grad_(False)
    names = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    before = weights(model)
    trainer = tiny_trainer(candidate.build(), candidate.folder, model, num_train_epochs=1)
    trainer.train()
    after = weights(trainer.model)
    for name in names:
        if name not in after or not torch.equal(before[name], after[name]):
            raise Failed(f"{name} was frozen (requires_grad False) and has moved.")


def stands_still_without_a_learning_rate(candidate: Candidate) -> None:
    """At learning rate 0 the encoder ends as it began; the new head may have been prepared."""
    model = tiny_model()
    before, head = weights(model), head_parameters(model)
    trainer = trained(candidate.build(), candidate.folder, model=model, learning_rate=0.0, num_train_epochs=1)
    after = weights(trainer.model)
    if before.keys() != after.keys():
        raise Failed(f"the trained model has other tensors than before: {sorted(before.keys() ^ after.keys())[0]}.")
    for name in before:
        if name not in head and not torch.allclose(before[name], after[name], rtol=0, atol=1e-6):
            raise Failed(f"{name} has moved although the learning rate was 0.")


def adds_to_gradients(candidate: Candidate) -> None:
    """Gradients of earlier mini-batches stay: backward adds to them, as gradient accumulation needs."""
    trainer = tiny_trainer(candidate.build(), candidate.folder, max_steps=1)
    method, seen = trainer.method, dict[str, tuple[torch.Tensor, torch.Tensor]]()
    backward = method.backward

    def once_and_again(run: FineTuningRun, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        random, state = RandomState(torch.device("cpu")), copy.deepcopy(method.state_dict())
        loss = backward(run, model, batch)
        once = _gradients(model)
        random.restore()
        method.load_state_dict(state)
        backward(run, model, batch)
        twice = _gradients(model)
        seen.update({name: (once[name], twice[name]) for name in once})
        return loss

    method.backward = once_and_again  # type: ignore[method-assign]
    trainer.train()
    for name, (once, twice) in seen.items():
        if not torch.allclose(twice, 2 * once, rtol=1e-4, atol=1e-6):
            raise Failed(f"backward does not add its gradient to that of an earlier mini-batch ({name}).")


def limits_hold(candidate: Candidate) -> None:
    """At each limit of a hyper-parameter training is finite, or refused by a ValueError of one line."""
    for name, field in candidate.method.hyper_parameters().items():
        for value in [
            getattr(limit, side) for limit in field.metadata for side in ("ge", "le") if hasattr(limit, side)
        ]:
            try:
                trainer = trained(candidate.build(**{name: value}), candidate.folder, max_steps=3)
            except ValueError as error:
                if "\n" in str(error).strip() and type(error) is ValueError:
                    raise Failed(f"{name}={value} is refused in more than one line.") from error
                continue
            except Exception as error:
                raise Failed(f"{name}={value}, a limit of its range, ends in {_one_line(error)}.") from error
            _require_finite(trainer.model, f"with {name}={value}, a limit of its range")


def takes_turns(candidate: Candidate) -> None:
    """Hooks call super(), so that the method combines with others."""
    for hook in COOPERATIVE_HOOKS:
        if not calls_super(candidate.method, hook):
            raise Failed(f"{hook} does not call super().{hook}, which combined methods need.")


def costs_what_it_claims(candidate: Candidate) -> None:
    """Counted floating-point operations of a step agree within 5 % with step_units, or with a reported units_a_step."""
    method = candidate.build()
    most = method.step_units()
    counted = counted_units(method, candidate.folder)
    claimed = method.report().get("units_a_step", most)
    if not math.isclose(claimed, counted, rel_tol=0.05):
        raise Failed(
            f"a step takes {counted:.2f} units (forward 1, backward to inputs 1, full backward 2), not the "
            f"{claimed:.2f} that {'step_units says' if claimed == most else 'its report has'}."
        )
    if counted > 1.05 * most:
        raise Failed(f"a step takes {counted:.2f} units, more than the {most:.2f} that step_units sets as the bound.")


def runs_in_mixed_precision(candidate: Candidate) -> None:
    """Steps under bfloat16 autocast leave finite weights."""
    trainer = trained(candidate.build(), candidate.folder, bf16=True, max_steps=3)
    _require_finite(trainer.model, "under bfloat16 autocast")


def learns(candidate: Candidate) -> None:
    """From a pre-trained model with a new head, texts that a line could separate are learned."""
    trainer = trained(
        candidate.build(), candidate.folder, model=pretrained_model(), num_train_epochs=8, learning_rate=5e-3
    )
    texts = SeparableTexts()
    predictions = trainer.predict(texts).predictions.argmax(-1)
    right = sum(int(found == row["labels"]) for found, row in zip(predictions, texts.rows, strict=True))
    if right < 0.95 * len(texts):
        raise Failed(f"after 8 epochs only {right} of {len(texts)} separable training texts are classified rightly.")


CHECKS: dict[str, Callable[[Candidate], None]] = {
    check.__name__.replace("_", "-"): check
    for check in (
        described,
        trains,
        repeatable,
        resumes,
        leaves_weights_to_the_optimizer,
        spares_frozen_weights,
        stands_still_without_a_learning_rate,
        adds_to_gradients,
        limits_hold,
        takes_turns,
        costs_what_it_claims,
        runs_in_mixed_precision,
        learns,
    )
}
"""Every check by name, in the order they run."""


def _limits(field: FieldInfo) -> list[float]:
    """The values at the ends of a hyper-parameter's range that belong to it."""
    return [getattr(limit, side) for limit in field.metadata for side in ("ge", "le") if hasattr(limit, side)]


def _gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def _require_finite(model: torch.nn.Module, when: str) -> None:
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise Failed(f"{name} is NaN or infinite {when}.")


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
