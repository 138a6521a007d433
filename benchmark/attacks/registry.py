"""The attacks that can be run, by name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import textattack
    from textattack.models.wrappers import ModelWrapper

AttackBuilder = Callable[["ModelWrapper"], "textattack.Attack"]
"""Takes the wrapped model, returns the attack on it; imports TextAttack inside, not at module top."""


@dataclass(frozen=True)
class Attack:
    """A registered attack.

    Attributes:
        name: lower-case words joined by hyphens.
        summary: what the attack does to a text, in one line.
        source: the paper, with its arXiv id.
        build: makes the TextAttack attack for a wrapped model.
        needs: what must be on the machine beyond this package's dependencies, for people to read.
    """

    name: str
    summary: str
    source: str
    build: AttackBuilder
    needs: tuple[str, ...] = ()


attacks: dict[str, Attack] = {}
"""Every registered attack by name; add to it with :func:`register_attack` only."""


def register_attack(
    name: str, *, summary: str, source: str, needs: Sequence[str] = ()
) -> Callable[[AttackBuilder], AttackBuilder]:
    """Register the decorated build function as an attack.

    Args:
        name: lower-case letters and digits, words joined by single hyphens ("deepwordbug", "a2t-mlm").
        summary: what the attack does to a text, in one line.
        source: the paper, with its arXiv id.
        needs: what must be on the machine beyond this package's dependencies.

    Returns:
        A decorator that hands its function back unchanged. Registering the very same function object again
        under its name leaves the registry as it is.

    Raises:
        ValueError: the name is malformed (raised at once), or another function has it (raised on decoration).
        TypeError: `needs` is one string instead of a sequence of them.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(
            f"attack name {name!r} is not valid: use lower-case letters and digits, words joined by single hyphens"
        )
    if isinstance(needs, str):
        raise TypeError(f"needs of attack {name!r} must be a sequence of strings, not the string {needs!r}")

    def register(build: AttackBuilder) -> AttackBuilder:
        registered = attacks.get(name)
        if registered is None:
            attacks[name] = Attack(name, summary, source, build, tuple(needs))
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
