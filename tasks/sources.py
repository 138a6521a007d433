"""Where texts come from: what every source offers, Python packages, and parts of another source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tasks.errors import Unavailable
from tasks.examples import Examples
from tasks.splits import split


@dataclass(frozen=True)
class Loaded:
    """What a source gave."""

    examples: Examples
    partial: bool
    """True where the source holds a sample of the published data set."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """How texts that were generated came about; part of their fingerprint."""


class Source(Protocol):
    """Anything that texts can be loaded from."""

    def load(self, mirror: Path | None) -> Loaded:
        """Load all texts; a hub data set is read from the mirror folder where one is given.

        Raises:
            Unavailable: the data are not there.
            DataError: they are malformed.
        """


@dataclass(frozen=True, kw_only=True)
class PackageSource:
    """Texts that travel inside an installed Python package."""

    package: str
    """Name to install with pip."""
    read: Callable[[], Examples]

    def load(self, mirror: Path | None) -> Loaded:
        """Read the package's texts; a mirror plays no part."""
        try:
            return Loaded(self.read(), partial=False)
        except ModuleNotFoundError as error:
            raise Unavailable(
                f"package {self.package} is not installed ({error.name} is missing); "
                f"pip install '{self.package}' brings it."
            ) from None
        except FileNotFoundError as error:
            raise Unavailable(f"package {self.package}: the installed version lacks {error.filename}.") from None


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """A fixed part of a source, set aside by `tasks.splits.split`."""

    source: Source
    size: int
    seed: int

    def load(self, mirror: Path | None) -> Loaded:
        """The part set aside."""
        loaded = self.source.load(mirror)
        return Loaded(split(loaded.examples, self.size, self.seed)[0], loaded.partial, loaded.provenance)


@dataclass(frozen=True, kw_only=True)
class Remainder:
    """What a `HeldOut` with the same arguments leaves."""

    source: Source
    size: int
    seed: int

    def load(self, mirror: Path | None) -> Loaded:
        """The part left."""
        loaded = self.source.load(mirror)
        return Loaded(split(loaded.examples, self.size, self.seed)[1], loaded.partial, loaded.provenance)
