"""The attacks that can be run, by name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from benchmark.attacks.resources import Resource

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper

AttackBuilder = Callable[["ModelWrapper"], "textattack.Attack"]
"""Takes the wrapped model, returns the attack on it; imports TextAttack inside, not at module top."""

Goal = Literal["misclassification", "reduction"]
"""Any wrong class, or the shortest text that keeps the class."""


@dataclass(frozen=True)
class Attack:
    """A registered attack.

    Attributes:
        name: lower-case words joined by hyphens.
        summary: what the attack does to a text, in one line.
        source: the paper, with its arXiv id where it has one.
        build: makes the TextAttack attack for a wrapped model.
        resources: what must be on the machine beyond this package's dependencies.
        goal: "misclassification", or "reduction": as few words as possible that keep the predicted class.
        gradients: whether the attack looks at the model's gradients (white-box), not only at its outputs.
        deviations: where the attack differs from TextAttack's recipe or from the paper, one sentence each.
        variant_of: the attack that this one is a variant of, with another resource in the place of one of its own.
    """

    name: str
    summary: str
    source: str
    build: AttackBuilder
    resources: tuple[Resource, ...] = ()
    goal: Goal = "misclassification"
    gradients: bool = False
    deviations: tuple[str, ...] = ()
    variant_of: str | None = None


attacks: dict[str, Attack] = {}
"""Every registered attack by name; add to it with :func:`register_attack` only."""


def register_attack(
    name: str,
    *,
    summary: str,
    source: str,
    resources: Sequence[Resource] = (),
    goal: Goal = "misclassification",
    gradients: bool = False,
    deviations: Sequence[str] = (),
    variant_of: str | None = None,
) -> Callable[[AttackBuilder], AttackBuilder]:
    """Register the decorated build function as an attack.

    Args:
        name: lower-case letters and digits, words joined by single hyphens ("deepwordbug", "a2t-mlm").
        summary: what the attack does to a text, in one line.
        source: the paper, with its arXiv id.
        resources: what must be on the machine beyond this package's dependencies.
        goal: "misclassification" or "reduction".
        gradients: whether the attack looks at the model's gradients.
        deviations: where the attack differs from the paper or from TextAttack's recipe, one sentence each.
        variant_of: name of the attack that this one is a variant of.

    Returns:
        A decorator that hands its function back unchanged. Registering the very same function object again
        under its name leaves the registry as it is.

    Raises:
        ValueError: the name is malformed or the goal unknown (raised at once), or another function has the name
            (raised on decoration).
        TypeError: `resources` holds something else than resources, or `deviations` is one string.
    """
    if not re.fullmatch(r"(?!.{65})[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(
            f"attack name {name!r} is not valid: use lower-case letters and digits, words joined by single hyphens, "
            "64 at most"
        )
    if goal not in get_args(Goal):
        raise ValueError(f"goal {goal!r} of attack {name!r} is not one of {', '.join(get_args(Goal))}")
    if isinstance(deviations, str):
        raise TypeError(f"deviations of attack {name!r} must be a sequence of strings, not the string {deviations!r}")
    for resource in resources:
        if not isinstance(resource, Resource):
            raise TypeError(
                f"resources of attack {name!r} must be benchmark.attacks.resources.Resource, not {resource!r}"
            )

    def register(build: AttackBuilder) -> AttackBuilder:
        registered = attacks.get(name)
        if registered is None:
            attacks[name] = Attack(
                name, summary, source, build, tuple(resources), goal, gradients, tuple(deviations), variant_of
            )
        elif registered.build is not build:
            raise ValueError(
                f"attack {name!r} is registered twice: by {_place(registered.build)} and by {_place(build)}"
            )
        return build

    return register


def _place(build: AttackBuilder) -> str:
    """Where a build function is defined, as module:line; without a line for a callable that has no code."""
    module = getattr(build, "__module__", type(build).__module__)
    code = getattr(build, "__code__", None)
    return module if code is None else f"{module}:{code.co_firstlineno}"
