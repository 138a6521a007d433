"""Methods as a user names them: registered, combined with ``+``, or all there are."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.errors import UserError
from benchmark.lookup import nearest
from methods import CompositionError, Method, canonical_name, method_named, methods

ALL = "all"
"""Stands for every registered method."""

REFERENCE = "vanilla"


def find_method(name: str) -> tuple[str, type[Method]]:
    """Canonical name and class of a method.

    Raises:
        UserError: a part is unknown, or the parts do not combine.
    """
    try:
        return canonical_name(name), method_named(name)
    except KeyError as error:
        raise UserError(f"unknown method {error.args[0]!r}; {nearest(error.args[0], methods)}") from None
    except CompositionError as error:
        raise UserError(f"method {error}") from None


def find_methods(names: Iterable[str]) -> dict[str, type[Method]]:
    """Canonical name → class, each once, in the order given; ``all`` is every registered method, vanilla first.

    Raises:
        UserError: as `find_method`.
    """
    every = [REFERENCE, *sorted(methods.keys() - {REFERENCE})]
    given = [single for name in names for single in (every if name == ALL else [name])]
    return dict(find_method(name) for name in given)
