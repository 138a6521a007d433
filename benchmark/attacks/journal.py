"""The examples that an attack has finished, kept on the disk so that an interrupted run goes on with the next one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any, get_args

from benchmark.attacks.outcome import AttackedExample, Outcome

FORMAT = 2
"""Raised whenever what a line holds changes."""

DIGITS = 16
"""Of a line's checksum."""

TEXTS = ("original_text", "attacked_text")
WHOLE_NUMBERS = (
    "position",
    "label",
    "prediction_before",
    "prediction_after",
    "queries",
    "words_changed",
    "words_left",
)


def inputs_hash(inputs: dict[str, Any]) -> str:
    """What stands for everything that an attack's result depends on.

    Args:
        inputs: JSON values.
    """
    return hashlib.sha256(json.dumps([FORMAT, inputs], sort_keys=True).encode()).hexdigest()


class Journal:
    """One file of lines: a header, then an example each, with a checksum.

    A line counts once it is whole; what a crash left of a last one is cut off, and so is all from a changed one on.
    Examples of other inputs than the present ones are dropped with the first example added.
    """

    def __init__(self, path: Path, inputs: str) -> None:
        """Read what an interrupted run left.

        Args:
            path: the file, which need not exist.
            inputs: what stands for everything that the examples depend on.
        """
        self._path = path
        self._header = json.dumps({"format": FORMAT, "inputs": inputs}).encode() + b"\n"
        self._kept = 0
        self.finished: tuple[AttackedExample, ...] = self._read()

    def add(self, example: AttackedExample) -> None:
        """Put an example on the disk before returning."""
        line = sealed(json.dumps(dataclasses.asdict(example)).encode())
        if not self._kept:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(b"")
            line = self._header + line
        with self._path.open("r+b") as file:
            file.seek(self._kept)
            file.truncate()
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
            self._kept = file.tell()

    def remove(self) -> None:
        """Remove the file once its examples are elsewhere."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> tuple[AttackedExample, ...]:
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return ()
        if lines[:1] != [self._header]:
            return ()
        self._kept = len(self._header)
        found: list[AttackedExample] = []
        for line in lines[1:]:
            example = _example(line)
            if example is None:
                break
            found.append(example)
            self._kept += len(line)
        return tuple(found)


def sealed(content: bytes) -> bytes:
    """A line that holds the content, which has no line ends."""
    return hashlib.sha256(content).hexdigest()[:DIGITS].encode() + b" " + content + b"\n"


def _example(line: bytes) -> AttackedExample | None:
    content = line[DIGITS + 1 : -1]
    if line != sealed(content):
        return None
    try:
        fields = json.loads(content)  # and no stricter parser: a text may hold half of a character
        for name in TEXTS:
            if isinstance(fields[name], list):
                fields[name] = tuple(fields[name])
        example = AttackedExample(**fields)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return example if _is_well_typed(example) else None


def _is_well_typed(example: AttackedExample) -> bool:
    texts = [getattr(example, name) for name in TEXTS]
    return (
        all(type(getattr(example, name)) is int for name in WHOLE_NUMBERS)
        and all(isinstance(text, str) or _is_pair(text) for text in texts)
        and example.outcome in get_args(Outcome)
        and (example.similarity is None or isinstance(example.similarity, int | float))
    )


def _is_pair(text: object) -> bool:
    return isinstance(text, tuple) and len(text) == 2 and all(isinstance(part, str) for part in text)
