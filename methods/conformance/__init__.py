"""Does a method keep the promises of the interface? A suite of checks for any registered method."""

from __future__ import annotations

from methods.conformance.checks import CHECKS
from methods.conformance.suite import CheckResult, check_method

__all__ = ["CHECKS", "CheckResult", "check_method"]
