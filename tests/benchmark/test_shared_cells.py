"""Sharing an output folder: who gets which cell, and what becomes of what others have done."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.errors import UserError
from benchmark.plan import plan
from benchmark.run import leave_record
from benchmark.shared_cells import in_turn
from benchmark.suite import Suite
from benchmark.work_lock import LOCKS, work_lock
from leaderboard.record import read_record
from leaderboard.replace_file import remove_unfinished

HOLDER = """
import sys, time
from pathlib import Path
from benchmark.work_lock import work_lock
with work_lock(sys.argv[1], Path(sys.argv[2])) as free:
    print(free, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def cells(tiny_backbone):
    suite = {"name": "x", "tasks": ["reviews"], "backbones": [str(tiny_backbone)], "methods": ["vanilla"]}
    return plan(Suite.model_validate({**suite, "seeds": [0, 1, 2]}))


def hold(name, out):
    """Another process that has the lock."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, name, str(out)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "True\n"
    return holder


def test_one_at_a_time_has_a_lock(tmp_path):
    with work_lock("a", tmp_path) as first, work_lock("a", tmp_path) as second, work_lock("b", tmp_path) as other:
        assert (first, second, other) == (True, False, True)
    with work_lock("a", tmp_path) as again:
        assert again


def test_a_lock_ends_with_its_owner(tmp_path):
    holder = hold("a", tmp_path)
    with work_lock("a", tmp_path) as free:
        assert not free
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with work_lock("a", tmp_path) as free:
        assert free


def test_a_lock_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / LOCKS).write_text("in the way", encoding="utf-8")
    with pytest.raises(UserError, match="a lock cannot be made there"), work_lock("a", tmp_path):
        pass


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    """Not served with a file that would outlive a killed owner."""

    def flock(descriptor, operation):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(UserError, match=r"a lock cannot be made there \(Function not implemented\)"):
        work_lock("a", tmp_path).__enter__()


def test_cells_of_others_come_last_and_are_taken_over_when_they_end(cells, tmp_path):
    holder = hold(cells[0].config_hash, tmp_path)
    said = []
    taken = []
    for cell, record in in_turn(cells, tmp_path, said.append):
        assert record is None
        taken.append(cell.seed)
        if len(taken) == 2:
            assert said == []
            holder.send_signal(signal.SIGKILL)
            holder.wait()
    assert taken == [1, 2, 0]


def test_it_is_said_when_there_is_nothing_but_to_wait(cells, tmp_path):
    holder = hold(cells[0].config_hash, tmp_path)
    said = []

    def say(line):
        said.append(line)
        holder.kill()
        holder.wait()

    assert [cell.seed for cell, _ in in_turn(cells[:1], tmp_path, say)] == [0]
    assert said == [f"waiting for a cell that another run is working on: {cells[0]}"]


def test_what_another_run_left_meanwhile_is_not_done_again(cells, tmp_path, quiet):
    def fail():
        raise RuntimeError("no")

    leave_record(cells[0], fail, tmp_path, quiet)  # of an earlier run: to be tried again
    taken = in_turn(cells, tmp_path, print)
    cell, record = next(taken)
    assert (cell.seed, record) == (0, None)
    leave_record(cells[1], fail, tmp_path, quiet)  # of another run at the same time
    cell, record = next(taken)
    assert (cell.seed, record.status) == (1, "failed")
    assert [(cell.seed, record) for cell, record in taken] == [(2, None)]


def test_a_cell_finished_before_its_turn_is_not_done_again(cells, tmp_path, quiet):
    """Another run may finish it after this one has looked at the folder, and before it comes to it."""
    published = next((Path(__file__).parents[2] / "leaderboard/results").rglob("record.json"))
    record = read_record(published)
    leave_record(cells[1], lambda: record.model_copy(update={"cell": cells[1].identity}), tmp_path, quiet)
    found = {cell.seed: None if record is None else record.status for cell, record in in_turn(cells, tmp_path, print)}
    assert found == {0: None, 1: "finished", 2: None}


@pytest.fixture
def quiet():
    from io import StringIO

    from rich.console import Console

    from benchmark.progress import Reporter

    return Reporter(Console(file=StringIO()))


def test_temporary_files_of_a_killed_writer_are_removed(cells, tmp_path, quiet):
    folder = tmp_path / cells[0].folder / "logits"
    folder.mkdir(parents=True)
    (folder / ".test.npz.01234567.tmp").write_bytes(b"half")

    def look():
        assert list(folder.iterdir()) == []
        raise RuntimeError("enough")

    assert leave_record(cells[0], look, tmp_path, quiet).failure.message == "enough"


def test_temporary_files_of_the_users_stay(tmp_path):
    (tmp_path / ".cache.01234567.tmp").mkdir()
    (tmp_path / ".notes.txt.tmp").write_text("mine", encoding="utf-8")
    (tmp_path / ".LEADERBOARD.md.01234567.tmp").write_bytes(b"half")
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cache.01234567.tmp", ".notes.txt.tmp"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    """Attack workers are forked while their parent holds a lock."""
    with work_lock("a", tmp_path) as free:
        assert free
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        with work_lock("a", tmp_path) as again:
            assert again
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
