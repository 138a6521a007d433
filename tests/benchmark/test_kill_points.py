"""A run that is killed between epochs twice, again in prediction, and again while its record is written."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from compared import unlike
from tiny_cells import run_arguments, run_once
from watched import Watch

from leaderboard.record import find_records


@pytest.fixture
def cell(plugin, tiny_backbone):
    def arguments(out: Path) -> list[object]:
        return [*run_arguments(plugin, tiny_backbone, out, epochs=3), "--method", "roast+ema"]

    return arguments


PLACES = [
    r"checkpoint-14/optimizer\.pt$",  # the first epoch's checkpoint, no longer needed, is half removed
    r"checkpoint-42/trainer_state\.json$",  # the last epoch's checkpoint is half written
    r"logits/other\.npz$",  # the second set's logits are about to get their name
    r"/record\.json$",  # and so is the record
]


def test_a_run_killed_in_four_places_ends_as_if_nothing_had_happened(cell, roast_bench, tmp_path):
    assert roast_bench(*cell(tmp_path / "whole")).code == 0
    broken = tmp_path / "broken"
    for place in PLACES:
        killed = run_once(cell(broken), **Watch(folder=str(broken), matching=place).variable())
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert find_records(broken) == [], place
        assert "set aside" not in killed.stderr, place
    done = run_once(cell(broken))
    assert done.returncode == 0, done.stderr
    assert unlike(tmp_path / "whole", broken) == []
    assert "set aside" not in done.stderr
    (record,) = find_records(broken)
    assert json.loads(record.read_bytes())["training"]["resumed"]
