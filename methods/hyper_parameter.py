"""Declaration of a method's hyper-parameters."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def hyper_parameter(default: Any, *, description: str, source: str, **limits: Any) -> Any:
    """Declare one hyper-parameter of a method.

    Args:
        default: value used where nobody sets another.
        description: what it does, with its unit or symbol in the paper.
        source: where the default comes from (paper section or table, released code, or this project's reason).
        **limits: pydantic limits, for example ``ge=0, le=1`` or ``gt=0``; checked on construction.
    """
    return Field(default=default, description=description, json_schema_extra={"source": source}, **limits)
