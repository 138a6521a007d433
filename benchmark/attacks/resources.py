"""What an attack needs on the machine beyond this package's dependencies: is it there, and how does one get it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.attacks.registry import Attack


class NotThere(Exception):
    """A resource is not on the machine, or cannot be used as it is.

    Attributes:
        reason: what is wrong, in words that can follow the resource's name and a colon.
        remedy: what helps against just this; None where the resource's own remedy does.
    """

    def __init__(self, reason: str = "not found", remedy: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class Missing:
    """Why a resource cannot be used, and what helps."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"


@dataclass(frozen=True)
class Resource:
    """Something that an attack reads: a word list, word vectors, a model.

    Attributes:
        name: for people, such as "NLTK's WordNet".
        description: what attacks use it for.
        look: where it is, without a network and without loading it; raises :class:`NotThere`.
        remedy: one line with the command that fetches it.
    """

    name: str
    description: str
    look: Callable[[], Path]
    remedy: str

    def find(self) -> Path | None:
        """The file or folder; None where it is not there or cannot be used."""
        try:
            return self.look()
        except NotThere:
            return None

    def missing(self) -> Missing | None:
        """What is wrong with it and what helps; None where nothing is wrong."""
        try:
            self.look()
        except NotThere as error:
            return Missing(error.reason, error.remedy or self.remedy)
        return None

    def require(self) -> Path:
        """The file or folder.

        Raises:
            UserError: it is not there; the line says what helps.
        """
        missing = self.missing()
        if missing is not None:
            raise UserError(f"{self.name}: {missing}")
        return self.look()


def require_resources(attack: Attack) -> None:
    """Refuse an attack whose resources are not all on the machine.

    Raises:
        UserError: some are missing; one line names them and what helps.
    """
    problems = [f"{resource.name}: {missing}" for resource in attack.resources if (missing := resource.missing())]
    if problems:
        raise UserError(f"attack {attack.name!r} cannot run here: {' | '.join(problems)}")
