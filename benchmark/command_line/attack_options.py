"""Options that say which attacks to run, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from benchmark.command_line.options import is_whole_number, names
from benchmark.errors import UserError


class Field(StrEnum):
    """Which text of a pair is attacked."""

    HYPOTHESIS = "hypothesis"
    PREMISE = "premise"
    BOTH = "both"


AttackedField = Annotated[
    Field | None, typer.Option(help="Attacked text of a pair; hypothesis, the second, by default.")
]

Attacks = Annotated[
    list[str] | None,
    typer.Option(help="Live attack as RECIPE[:TEXTS[:QUERIES]], 100 texts and no limit by default; or 'none'."),
]

AttackedSet = Annotated[
    str | None, typer.Option(metavar="SET", help="Attacked evaluation set; by default the in-distribution test set.")
]

AttackSeed = Annotated[int | None, typer.Option(help="Seed of the attacks; 0 by default.")]

AttackWorkers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes of an attack, for speed only; by default one a core, and one alone on a GPU."),
]


def chosen_attacks(
    attack: Sequence[str] | None, field: Field | None, evaluation_set: str | None, seed: int | None
) -> list[dict[str, Any]] | None:
    """The values of --attack, --attack-field, --attack-set and --attack-seed as settings of attacks.

    Returns:
        Fields of `benchmark.suite.AttackSettings` for each attack; None where no attack was named.

    Raises:
        UserError: an attack is not of the form RECIPE[:TEXTS[:QUERIES]], or none is named for the other options.
    """
    budgets = attack_budgets(names("--attack", attack))
    given = {
        "field": (field.value if field else None, "--attack-field"),
        "evaluation_set": (evaluation_set, "--attack-set"),
        "seed": (seed, "--attack-seed"),
    }
    common = {name: value for name, (value, _) in given.items() if value is not None}
    if common and not budgets:
        value, option = next(pair for pair in given.values() if pair[0] is not None)
        raise UserError(f"{option} {value}: says how to attack; name an attack with --attack too.")
    return None if budgets is None else [{**budget, **common} for budget in budgets]


def attack_budgets(given: Sequence[str] | None) -> list[dict[str, Any]] | None:
    """``["deepwordbug:100:500"]`` as settings of attacks; None where the option was not given, none for ``["none"]``.

    Raises:
        UserError: one is not of the form RECIPE[:TEXTS[:QUERIES]].
    """
    if given is None:
        return None
    if list(given) == ["none"]:
        return []
    chosen = []
    for text in given:
        recipe, *budget = text.split(":")
        if len(budget) > 2 or not all(map(is_whole_number, budget)):
            raise UserError(
                f"--attack {text[:80]}: write it as RECIPE, RECIPE:TEXTS or RECIPE:TEXTS:QUERIES, such as "
                "deepwordbug:100:500."
            )
        texts, queries = [int(number) for number in budget] + [100, None][len(budget) :]
        chosen.append({"recipe": recipe, "examples": texts, "max_queries": queries})
    return chosen
