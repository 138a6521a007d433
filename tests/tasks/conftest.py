from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks import Examples, Unavailable
from tasks.sources import Loaded

MIRROR = Path(os.environ.get("ROAST_BENCH_MIRROR") or Path(__file__).parents[2].parent / "shared" / "mirror")


@dataclass(frozen=True)
class Given:
    """A source that holds its texts, or the reason why it has none."""

    examples: Examples | str
    partial: bool = False

    def load(self, mirror: Path | None) -> Loaded:
        if isinstance(self.examples, str):
            raise Unavailable(self.examples)
        return Loaded(self.examples, self.partial)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror folder."""
    if not (MIRROR / "MANIFEST.json").is_file():
        pytest.skip(f"no mirror at {MIRROR}; name one in ROAST_BENCH_MIRROR")
    return MIRROR


@pytest.fixture
def given() -> type[Given]:
    """Makes sources from examples."""
    return Given


def numbered(count: int, kind: str = "text") -> Examples:
    return Examples(
        texts=tuple(f"{kind} number {row}" for row in range(count)), labels=tuple(row % 2 for row in range(count))
    )


@pytest.fixture(name="numbered")
def numbered_fixture() -> object:
    """Makes distinct examples with alternating labels."""
    return numbered
