"""Finding things by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from benchmark.errors import UserError

T = TypeVar("T")


def find(kind: str, name: str, known: Mapping[str, T]) -> T:
    """The thing of that name.

    Args:
        kind: what is looked for, in words: "method", "task".
        name: its name.
        known: everything there is, by name.

    Raises:
        UserError: there is none of that name; the nearest names are offered.
    """
    if name in known:
        return known[name]
    raise UserError(f"unknown {kind} {name!r}; {nearest(name, known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not known: the closest one, and all there are (up to twenty)."""
    names = sorted(known)
    folded = {other.casefold(): other for other in names}  # papers write RoAST and FreeLB
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    guess = f"did you mean {folded[close[0]]!r}? There is" if close else "there is"
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"{guess}: {listed or 'none'}."
