"""What is left of a journal after every way to be interrupted."""

from pathlib import Path

import pytest

from benchmark.attacks.journal import Journal, inputs_hash
from benchmark.attacks.outcome import AttackedExample

EXAMPLES = [
    AttackedExample(0, "one\ntwo\u2028\ud800", "one", 0, 0, 1, "succeeded", 4, 1, 1),
    AttackedExample(1, ("a", "b"), ("a", "c"), 1, 1, 1, "failed", 9, 1, 1),
    AttackedExample(2, "three", "three", 1, 0, 0, "skipped", 1, 0, 1),
]


def written(path: Path, inputs: str = "x") -> bytes:
    journal = Journal(path, inputs)
    for example in EXAMPLES:
        journal.add(example)
    return path.read_bytes()


def test_examples_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "attacks" / "a.partial.jsonl"
    written(path)
    assert list(Journal(path, "x").finished) == EXAMPLES
    Journal(path, "x").remove()
    assert Journal(path, "x").finished == ()
    Journal(path, "x").remove()


def test_cut_off_anywhere_it_holds_the_whole_lines_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.partial.jsonl"
    whole = written(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        journal = Journal(path, "x")
        assert len(journal.finished) == max(0, whole[:length].count(b"\n") - 1)
        for example in EXAMPLES[len(journal.finished) :]:
            journal.add(example)
        assert path.read_bytes() == whole


def test_a_changed_line_and_those_after_it_are_attacked_again(tmp_path: Path) -> None:
    path = tmp_path / "a.partial.jsonl"
    whole = written(path)
    for place in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        journal = Journal(path, "x")
        assert len(journal.finished) == whole[:place].count(b"\n") - 1
        assert list(journal.finished) == EXAMPLES[: len(journal.finished)]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n", b"[]\n{}\n", b"\n\n"])
def test_what_is_no_journal_starts_anew(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.partial.jsonl"
    path.write_bytes(content)
    assert Journal(path, "x").finished == ()
    whole = written(path)
    assert whole.count(b"\n") == 4


def test_other_inputs_start_anew_with_the_first_example(tmp_path: Path) -> None:
    path = tmp_path / "a.partial.jsonl"
    whole = written(path)
    other = Journal(path, "y")
    assert other.finished == ()
    assert path.read_bytes() == whole
    other.add(EXAMPLES[0])
    assert Journal(path, "y").finished == (EXAMPLES[0],)
    assert Journal(path, "x").finished == ()


def test_inputs_are_told_apart() -> None:
    assert inputs_hash({"seed": 1, "a": 2}) == inputs_hash({"a": 2, "seed": 1})
    assert inputs_hash({"seed": 1}) != inputs_hash({"seed": 2})
