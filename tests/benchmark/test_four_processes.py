"""Four commands on one output folder at once, one of which is killed in the middle of a cell."""

from __future__ import annotations

import signal

from four_processes import faults_of, prepare, run_together


def test_four_processes_share_the_cells_and_take_over_that_of_a_killed_one(roast_bench, tmp_path, monkeypatch):
    scene = prepare(tmp_path, 6)
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    alone = roast_bench(*scene.arguments(tmp_path / "alone" / "out"))
    assert alone.code == 0, alone.err

    crowd = run_together(scene, "together", 4, kill_after=0.2)

    assert faults_of(crowd, scene, "together") == []
    assert [process.code for process in crowd.ended if process.process == crowd.killed] == [-signal.SIGKILL]
    assert len({note.process for note in crowd.notes} - {crowd.killed}) > 1  # the work was shared, not done by one
