"""Where texts come from: what every source offers, Python packages, and parts of another source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tasks.errors import Unavailable
from tasks.examples import Examples, concatenated
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


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Several sources one after another: the splits of a data set on which nothing is trained."""

    parts: tuple[Source, ...]

    def load(self, mirror: Path | None) -> Loaded:
        """All texts, in order; partial where any part is.

        Raises:
            Unavailable: any part is not there: what is left would be another set.
        """
        loaded = [part.load(mirror) for part in self.parts]
        provenance = {key: value for part in loaded for key, value in part.provenance.items()}
        return Loaded(
            concatenated([part.examples for part in loaded]), any(part.partial for part in loaded), provenance
        )


@dataclass(frozen=True)
class NoSource:
    """A published set that cannot be fetched from anywhere that is known; it is always named as missing."""

    reason: str

    def load(self, mirror: Path | None) -> Loaded:
        """Say why.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(self.reason)
