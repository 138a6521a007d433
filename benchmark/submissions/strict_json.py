"""JSON that every reader reads alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from benchmark.submissions.problem import Problem
from leaderboard.one_line import one_line
from leaderboard.read_bounded import read_bounded


def read_strictly(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        Problem: it is no JSON object, or has a key twice, a number that JSON does not have, or absurd depth: readers
            differ in what they make of these.
    """
    try:
        text = read_bounded(path).decode("utf-8")
    except OSError as error:
        raise Problem(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Problem("is not UTF-8 text") from None
    try:
        content = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except RecursionError:
        raise Problem("is nested absurdly deep") from None
    except ValueError as error:
        raise Problem(f"is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise Problem(f"is a JSON {type(content).__name__}, no record")
    return content


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Problem(f"has the key {one_line(repr(key), 80)} twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise Problem(f"has the number {name}, which JSON does not have; undefined scores are null with a reason")
