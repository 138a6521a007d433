"""What is wrong with a submission."""

from __future__ import annotations


class Problem(Exception):
    """The first thing found wrong in a record or its files; the message says what, and what would be right."""
