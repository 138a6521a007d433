"""A disk that is full and a folder that may no longer be written: said in a line, no half record, and gone on from."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import shutil
import sys
from pathlib import Path

import pytest
from compared import unlike
from restored_registries import exit_code
from tiny_cells import PLUGIN, run_arguments

from leaderboard.record import find_records, read_record


@pytest.fixture(scope="module")
def undisturbed(tiny_backbone, tmp_path_factory):
    """Words of a run but for its output folder, and that of one that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    plugin = folder / "mine.py"
    plugin.write_bytes(PLUGIN.read_bytes())
    words = [*run_arguments(plugin, tiny_backbone, folder)[:-2], "--method", "vanilla"]
    assert exit_code(words, folder / "out") == 0
    return words, folder / "out"


@pytest.fixture
def after_change(monkeypatch):
    """Do something in the middle of a run: right before a file gets a name, its content being in a temporary one."""

    def arrange(name, work):
        replace = os.replace

        def replaced(source, target, **keywords):
            if Path(target).name == name:
                work(Path(source))
            return replace(source, target, **keywords)

        monkeypatch.setattr(os, "replace", replaced)

    return arrange


@pytest.fixture
def file_size_limit():
    """Let no file of this process grow beyond so many bytes, as a full disk would; taken back in the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def assert_failed(done, out: Path, reason: str, code: int = 1) -> None:
    """In a line, and without a record of a cell that finished."""
    assert done.code == code, done.err
    assert "Traceback" not in done.err + done.out
    assert [line for line in done.err.splitlines() if reason.lower() in line.lower()], done.err
    assert all(read_record(path).status == "failed" for path in find_records(out))


def assert_failed_without_half_files(done, out: Path, reason: str, code: int = 1) -> None:
    assert_failed(done, out, reason, code)
    assert not list(out.rglob(".*.tmp"))


def assert_goes_on(roast_bench, words, out: Path, whole: Path) -> None:
    done = roast_bench(*words, "--out", out)
    assert done.code == 0, done.err
    assert unlike(whole, out) == []


@pytest.mark.parametrize(
    ("last_before", "limit", "code"),
    [
        (None, 20_000, 2),  # less than the weights in the first checkpoint, and than the leaderboard's page
        ("test.npz", 100, 1),  # before the next set's logits
        ("predicted.json", 4_000, 1),  # before the record
    ],
    ids=["checkpoint", "logits", "record"],
)
def test_a_full_disk_fails_the_cell_in_a_line_and_the_next_run_finishes_it(
    undisturbed, roast_bench, tmp_path, monkeypatch, after_change, file_size_limit, last_before, limit, code
):
    words, whole = undisturbed
    out = tmp_path / "out"
    if last_before is None:
        file_size_limit(limit)
    else:
        after_change(last_before, lambda source: file_size_limit(limit))
    failed = roast_bench(*words, "--out", out)
    monkeypatch.undo()
    file_size_limit(resource.RLIM_INFINITY)
    assert_failed_without_half_files(failed, out, os.strerror(errno.EFBIG), code)
    assert_goes_on(roast_bench, words, out, whole)


@pytest.mark.parametrize("name", ["other.npz", "record.json"])
def test_no_space_left_is_said_in_a_line(undisturbed, roast_bench, tmp_path, monkeypatch, after_change, name):
    words, whole = undisturbed
    out = tmp_path / "out"

    def full(source: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))

    after_change(name, full)
    failed = roast_bench(*words, "--out", out)
    monkeypatch.undo()
    assert_failed_without_half_files(failed, out, os.strerror(errno.ENOSPC))
    records = [read_record(path).failure.message for path in find_records(out)]
    assert len(records) == (0 if name == "record.json" else 1)
    assert all("No space left on device" in message for message in records)
    assert_goes_on(roast_bench, words, out, whole)


@pytest.mark.parametrize("name", ["other.npz", "record.json"])
def test_a_folder_that_is_gone_is_said_in_a_line(undisturbed, roast_bench, tmp_path, monkeypatch, after_change, name):
    """A file is in its place, which stops root too, whom permissions do not stop."""
    words, whole = undisturbed
    out = tmp_path / "out"
    in_the_way: list[Path] = []

    def replace_folder(source: Path) -> None:
        if not in_the_way:
            shutil.rmtree(source.parent)
            source.parent.write_bytes(b"")
            in_the_way.append(source.parent)

    after_change(name, replace_folder)
    failed = roast_bench(*words, "--out", out)
    monkeypatch.undo()
    assert_failed_without_half_files(failed, out, os.strerror(errno.ENOTDIR))
    in_the_way[0].unlink()
    assert_goes_on(roast_bench, words, out, whole)


@pytest.fixture
def permissions_hold():
    """What may not be written cannot be written, not even by root, who gives up that power for the while."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the interface; this thread
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice, for capabilities below and above 32
    if sys.platform != "linux" or libc.capget(header, held) != 0:
        pytest.skip("capabilities cannot be asked for here")
    fewer = (ctypes.c_uint32 * 6)(*held)
    fewer[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, fewer) == 0
    yield
    assert libc.capset(header, held) == 0


@pytest.mark.parametrize("name", ["test.npz", "record.json"])
def test_a_folder_that_became_read_only_is_said_in_a_line(
    undisturbed, roast_bench, tmp_path, monkeypatch, after_change, permissions_hold, name
):
    words, whole = undisturbed
    out = tmp_path / "out"
    closed: list[Path] = []

    def close(source: Path) -> None:
        source.parent.chmod(0o500)
        closed.append(source.parent)

    after_change(name, close)
    failed = roast_bench(*words, "--out", out)
    monkeypatch.undo()
    closed[0].chmod(0o700)
    assert_failed(failed, out, os.strerror(errno.EACCES))
    assert_goes_on(roast_bench, words, out, whole)


@pytest.mark.parametrize("closed", [".", "logits/test.npz"])
@pytest.mark.parametrize("options", [[], ["--plan"]], ids=["run", "plan"])
def test_files_of_a_finished_cell_that_may_not_be_read_are_said_in_a_line(
    undisturbed, roast_bench, tmp_path, permissions_hold, closed, options
):
    words, whole = undisturbed
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    (record,) = find_records(out)
    (record.parent / closed).chmod(0)
    done = roast_bench(*words, "--out", out, *options)
    (record.parent / closed).chmod(0o700)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert str(record.parent) in done.err
    assert os.strerror(errno.EACCES) in done.err


def test_a_damaged_record_that_may_not_be_set_aside_is_said_in_a_line(
    undisturbed, roast_bench, tmp_path, permissions_hold
):
    words, whole = undisturbed
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    (record,) = find_records(out)
    record.write_bytes(b"{")
    record.parent.chmod(0o500)
    done = roast_bench(*words, "--out", out)
    record.parent.chmod(0o700)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert os.strerror(errno.EACCES) in done.err
