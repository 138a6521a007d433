"""What a method says of itself: where it comes from and what it costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Card:
    """Provenance and cost of a method, printed by ``roast-bench describe METHOD``."""

    paper: str
    """Authors, title, venue; empty for textbook methods."""
    arxiv: str | None = None
    """arXiv identifier, for example ``2312.04032``."""
    code: str | None = None
    """The authors' public repository."""
    code_licence: str | None = None
    """Licence of that repository, or what it states of its use."""
    cost: str
    """Cost of a step in units: forward 1, backward to inputs 1, full backward 2; vanilla is 3."""
    deviations: tuple[str, ...] = ()
    """Where this implementation knowingly differs from the paper or from its released code."""
    reproduction: str = "not yet compared with the published numbers"
    """Published value, ours, gap and known reasons."""
