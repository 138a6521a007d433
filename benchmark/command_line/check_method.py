"""``roast-bench check-method``: does a method keep the promises of the interface?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.command_line.echo import echo, echo_json
from benchmark.command_line.options import AsJson, Plugins, load_plugins

if TYPE_CHECKING:
    from methods.conformance import CheckResult


def check_method(
    name: Annotated[str, typer.Argument(help="A method, or A+B for a combination.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="METHOD.NAME=VALUE", help="A hyper-parameter, such as roast.alpha=0.6."),
    ] = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Check a method on a tiny model: repeatable, resumable, moves only what it may, costs what it says (a minute)."""
    from benchmark.chosen_methods import find_method
    from benchmark.errors import UserError
    from benchmark.plan import canonical_keys, hyper_parameters, parse_assignments

    load_plugins(plugin)
    canonical, method = find_method(name)
    given = canonical_keys(parse_assignments(set_ or []))
    for other in given.keys() - {canonical}:
        raise UserError(f"--set {other}.{next(iter(given[other]))}: the method to check is {canonical!r}.")
    values = given.get(canonical, {})
    hyper_parameters(canonical, method, "", {**method.short_training, **values})

    from methods import conformance  # takes seconds to import: after everything that can be refused at once

    results = conformance.check_method(method, values, (lambda result: None) if as_json else _print)
    failed = [result for result in results if not result.passed]
    if as_json:
        facts = [{"check": r.check, "passed": r.passed, "meaning": r.meaning, "failure": r.failure} for r in results]
        echo_json({"method": canonical, "checks": facts})
    else:
        echo(f"{canonical}: {len(results) - len(failed)} of {len(results)} checks passed.")
    raise typer.Exit(1 if failed else 0)


def _print(result: CheckResult) -> None:
    word, explanation = ("ok    ", result.meaning) if result.passed else ("FAILED", str(result.failure))
    echo(f"{word}  {result.check}: {explanation}")
