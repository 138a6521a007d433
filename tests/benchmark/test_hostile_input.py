"""Few examples of each property of `tests/soak/hostile_input.py`, the same each time; `make soak` tries thousands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_input import PROPERTIES, prepare
from hypothesis import HealthCheck, given, settings


@pytest.mark.parametrize("name", PROPERTIES)
def test_input_of_others_is_used_or_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = PROPERTIES[name]
    prepare(name, tmp_path)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")

    @settings(
        max_examples=found.few,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(found.inputs)
    def holds(example: object) -> None:
        found.check(tmp_path, example)

    holds()
