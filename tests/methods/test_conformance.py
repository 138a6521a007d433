import fractions
import random

import pytest

from methods import Method, hyper_parameter, methods
from methods.conformance import CHECKS
from methods.conformance.suite import run_check


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", sorted(methods))
def test_every_registered_method_passes(name, check):
    result = run_check(check, methods[name], {})
    assert result.passed, result.failure


class MovesTheEncoder(Method):
    """Cross-entropy after a step of its own."""

    def loss(self, model, batch):
        model.bert.encoder.layer[0].output.dense.weight.data.mul_(0.99)
        return super().loss(model, batch)


class MovesFrozenWeights(Method):
    """Vanilla that also moves what the user froze."""

    def end_step(self, run):
        super().end_step(run)
        for parameter in run.model.bert.embeddings.parameters():
            parameter.data.add_(1e-3)


class DrawsElsewhere(Method):
    """Cross-entropy scaled by a number from a generator of the process."""

    def __post_init__(self):
        self.generator = random.Random()

    def loss(self, model, batch):
        return super().loss(model, batch) * self.generator.random()


class ForgetsItsCounter(Method):
    """Cross-entropy whose weight decays with a count that is in no checkpoint."""

    def __post_init__(self):
        self.calls = 0

    def loss(self, model, batch):
        self.calls += 1
        return super().loss(model, batch) / self.calls


class StoresAnObject(Method):
    """Vanilla whose state cannot be read back."""

    def state_dict(self):
        return {**super().state_dict(), "share": fractions.Fraction(1, 3)}


class ReplacesGradients(Method):
    """Cross-entropy whose backward pass forgets earlier mini-batches."""

    def backward(self, run, model, batch):
        model.zero_grad()
        return super().backward(run, model, batch)


class UnderstatesItsCost(Method):
    """Cross-entropy of two forward passes."""

    def loss(self, model, batch):
        return 0.5 * (super().loss(model, batch) + super().loss(model, batch))


class KeepsItsTurn(Method):
    """Vanilla that lets nobody else report."""

    def report(self):
        return {}


class Undocumented(Method):
    weight: float = 1.0


class NoSource(Method):
    """Has a bare hyper-parameter."""

    weight: float = 1.0


class BreaksAtItsLimit(Method):
    """Cross-entropy divided by a weight that may be zero."""

    weight: float = hyper_parameter(1.0, ge=0, description="divisor", source="here")

    def loss(self, model, batch):
        return super().loss(model, batch) / self.weight


class NeverLearns(Method):
    """Cross-entropy upside down."""

    def loss(self, model, batch):
        return -1e-3 * super().loss(model, batch)


@pytest.mark.parametrize(
    ("method", "check", "said"),
    [
        (
            MovesTheEncoder,
            "leaves-weights-to-the-optimizer",
            "backward changes bert.encoder.layer.0.output.dense.weight",
        ),
        (MovesTheEncoder, "stands-still-without-a-learning-rate", "has moved although the learning rate was 0"),
        (MovesFrozenWeights, "spares-frozen-weights", "was frozen"),
        (DrawsElsewhere, "repeatable", "draw random numbers from torch's own generator"),
        (ForgetsItsCounter, "resumes", "training resumed within an epoch ends in other weights"),
        (StoresAnObject, "resumes", "what state_dict returns cannot be read back"),
        (ReplacesGradients, "adds-to-gradients", "backward does not add its gradient"),
        (UnderstatesItsCost, "costs-what-it-claims", "a step takes 6.00 units"),
        (KeepsItsTurn, "takes-turns", "report does not call super().report"),
        (Undocumented, "described", "the class has no docstring"),
        (NoSource, "described", "weight: declare it with hyper_parameter"),
        (BreaksAtItsLimit, "limits-hold", "weight=0, a limit of its range, ends in"),
        (NeverLearns, "learns", "after 8 epochs only"),
    ],
)
def test_a_broken_method_is_caught_and_the_line_says_why(method, check, said):
    result = run_check(check, method, {})
    assert not result.passed
    assert said in result.failure
    assert "\n" not in result.failure
