"""Methods combined by name: ``freelb+selective`` is FreeLB's training with selectively masked gradients."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any

from methods.base import Method
from methods.card import Card
from methods.registry import methods, short_names

SEPARATOR = "+"

COOPERATIVE_HOOKS = (
    "__post_init__",
    "prepare_model",
    "prepare",
    "transform_gradients",
    "end_step",
    "end_epoch",
    "evaluated_weights",
    "finish",
    "report",
    "state_dict",
    "load_state_dict",
)
"""Hooks in which every part of a combination takes its turn, by calling ``super()``."""

OWNED = {"loss": "the loss", "backward": "the backward pass"}


class CompositionError(ValueError):
    """The methods do not combine."""


def method_named(name: str) -> type[Method]:
    """The method of that name: registered, a short name, or several joined by ``+``.

    Raises:
        KeyError: a part is not registered; the argument is that part.
        CompositionError: the parts do not combine.
    """
    parts = _parts(name)
    return methods[parts[0]] if len(parts) == 1 else compose(*parts)


def canonical_name(name: str) -> str:
    """One name for a method, however it was written: parts that make the loss first, the others alphabetically.

    Raises:
        KeyError: a part is not registered; the argument is that part.
    """
    parts = _parts(name)
    if len(parts) == 1:
        return parts[0]
    short = {registered: given for given, registered in short_names.items()}
    return SEPARATOR.join(short.get(part, part) for part in parts)


def compose(*names: str) -> type[Method]:
    """A method that combines registered ones; its hyper-parameters are those of its parts.

    A method that makes the loss or owns the backward pass combines with any number of methods that do neither: that
    mask gradients, pull or average weights, freeze parameters.

    Args:
        *names: registered or short names, in any order.

    Raises:
        KeyError: one is not registered; the argument is that name.
        CompositionError: two own the loss or the backward pass, share the name of a hyper-parameter, contain each
            other, or one keeps others from their turn.
    """
    parts = _parts(SEPARATOR.join(names))
    classes = tuple(methods[part] for part in parts)
    _require_combinable(parts, classes)
    return _combined(classes)


def _parts(name: str) -> list[str]:
    registered = [short_names.get(part, part) for part in name.split(SEPARATOR)]
    for part in registered:
        if part not in methods:
            raise KeyError(part)
    return sorted(registered, key=lambda part: (-len(methods[part].owns), part))


def _require_combinable(parts: Sequence[str], classes: Sequence[type[Method]]) -> None:
    whole = SEPARATOR.join(parts)
    for (one, first), (other, second) in combinations(zip(parts, classes, strict=True), 2):
        if issubclass(first, second) or issubclass(second, first):
            raise CompositionError(f"{whole}: {one} and {other} contain each other; leave one out.")
        for hook in sorted(first.owns & second.owns):
            free = ", ".join(sorted(name for name, method in methods.items() if not method.owns and name != "vanilla"))
            raise CompositionError(
                f"{whole}: {one} and {other} both make {OWNED[hook]}; keep one of them. These combine with it: {free}."
            )
        for field in sorted(first.hyper_parameters().keys() & second.hyper_parameters().keys()):
            raise CompositionError(f"{whole}: {one} and {other} both have a hyper-parameter {field!r}.")
        for attribute in sorted(_private_names(first) & _private_names(second)):
            raise CompositionError(f"{whole}: {one} and {other} both have an attribute {attribute!r} of their own.")
    for part, method in zip(parts, classes, strict=True):
        if part == "vanilla":
            raise CompositionError(f"{whole}: vanilla adds nothing to a combination; leave it out.")
        for hook in COOPERATIVE_HOOKS:
            if not calls_super(method, hook):
                raise CompositionError(
                    f"{whole}: {hook} of {part} does not call super().{hook}, so others would miss their turn."
                )


def calls_super(method: type[Method], hook: str) -> bool:
    """Whether every class of the method that overrides the hook lets the next one take its turn."""
    overriding = [vars(base)[hook] for base in method.__mro__ if base is not Method and hook in vars(base)]
    return all("super" in inspect.unwrap(function).__code__.co_names for function in overriding)


def _private_names(method: type[Method]) -> set[str]:
    """Names that the method gives to helpers and to state; in a combination one would replace the other."""
    known = {*dir(Method), *method.hyper_parameters()}
    of_classes = {name for base in method.__mro__ if issubclass(base, Method) for name in vars(base)}
    try:
        of_instance = set(vars(method()))
    except ValueError:  # a hyper-parameter without a default
        of_instance = set()
    return {name for name in (of_classes | of_instance) - known if name.startswith("_") and not name.startswith("__")}


@cache
def _combined(classes: tuple[type[Method], ...]) -> type[Method]:
    published: dict[str, dict[str, Any]] = {}
    for method in classes:
        for family, values in method.published_settings.items():
            published.setdefault(family, {}).update(values)
    summaries = " ".join(method.summary() for method in classes)
    names = " and ".join(method.__name__ for method in classes)
    content = {
        "__module__": __name__,
        "__doc__": f"{names} combined.\n\n{summaries}",
        "card": _combined_card(classes),
        "published_settings": published,
        "short_training": {name: value for method in classes for name, value in method.short_training.items()},
    }
    return type("".join(method.__name__ for method in classes), classes, content)


def _combined_card(classes: Sequence[type[Method]]) -> Card | None:
    cards = [method.card for method in classes if method.card is not None]
    if not cards:
        return None
    return Card(
        paper="; ".join(card.paper for card in cards),
        arxiv=", ".join(card.arxiv for card in cards if card.arxiv) or None,
        code=", ".join(card.code for card in cards if card.code) or None,
        code_licence=", ".join(card.code_licence for card in cards if card.code_licence) or None,
        cost="; ".join(card.cost for card in cards),
        deviations=tuple(deviation for card in cards for deviation in card.deviations),
        reproduction="a combination made here; nothing published to compare with",
    )
