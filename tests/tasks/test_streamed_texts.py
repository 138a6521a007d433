"""Texts that are too many to be held: the same results as with texts in memory, and no memory that grows with them."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from long_texts import write_long_texts

from tasks import DataError, Examples, FileSource, HubSource, Joined
from tasks.base import EvaluationSet, Role, Task
from tasks.examples import concatenated
from tasks.lazy_columns import LazyColumn
from tasks.loading import load_task
from tasks.sources import Source
from tasks.splits import sample, split

ROWS = 5_000
LABELS = ("negative", "positive")
FILE = "made/up/default/test.parquet"
HUB = HubSource(dataset="made/up", config="default", split="test", text="text", label="label", labels={0: 0, 1: 1})


@pytest.fixture(autouse=True)
def nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small sets take the way of large ones."""
    monkeypatch.setattr("tasks.columns.HELD_BYTES", 0)
    monkeypatch.setattr("tasks.lazy_columns.ROWS_AT_ONCE", 100)
    monkeypatch.setattr("tasks.lazy_columns.BATCH_ROWS", 64)


def columns(seed: int = 0) -> dict[str, list[Any]]:
    """Texts of which some repeat in another spelling."""
    generator = random.Random(seed)
    numbers = [generator.randrange(ROWS * 4 // 5) for _ in range(ROWS)]
    return {
        "text": [f"{'Text' if generator.random() < 0.5 else 'text,'} number {number}" for number in numbers],
        "second_text": [f"of {number % 7} é" for number in numbers],
        "label": [generator.randrange(2) for _ in range(ROWS)],
    }


def held(values: dict[str, list[Any]], *, pairs: bool = False) -> Examples:
    return Examples(tuple(values["text"]), tuple(values["second_text"]) if pairs else None, tuple(values["label"]))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns()), path, row_group_size=1_500)
    return path


def pairs_of(path: Path) -> Examples:
    return FileSource(path=path, labels=LABELS).load(None).examples


def single(path: Path) -> Examples:
    return FileSource(path=path, text="text", labels=LABELS).load(None).examples


def in_mirror(folder: Path, values: dict[str, list[Any]], source: HubSource = HUB) -> Examples:
    path = folder / FILE
    path.parent.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table(values), path, row_group_size=1_500)
    (folder / "MANIFEST.json").write_text(json.dumps({"datasets": [{"file": FILE, "partial": False}]}))
    return source.load(folder).examples


def is_lazy(examples: Examples) -> bool:
    return all(isinstance(column, LazyColumn) for column in (examples.texts, examples.second_texts) if column)


@pytest.mark.parametrize("pairs", [False, True])
def test_everything_is_as_with_texts_in_memory(pairs: bool, file: Path) -> None:
    lazy = pairs_of(file) if pairs else single(file)
    expected = held(columns(), pairs=pairs)
    assert is_lazy(lazy)
    assert lazy == expected
    assert lazy.in_memory() == expected
    assert isinstance(lazy.in_memory().texts, tuple)
    assert lazy.sha256() == expected.sha256()
    assert lazy.keys() == expected.keys()
    assert lazy.columns() == expected.columns()
    assert list(lazy.rows()) == list(expected.rows())
    for size in (0, 1, 50, 1_000, 4_000, ROWS - 1, ROWS, ROWS + 1, None):
        assert sample(lazy, size, 3).sha256() == sample(expected, size, 3).sha256(), size
    for one, other in zip(split(lazy, 1_000, 3), split(expected, 1_000, 3), strict=True):
        assert is_lazy(one)
        assert one.sha256() == other.sha256()
    assert is_lazy(sample(lazy, 4_000, 3)), "a large sample is not held either"
    assert not is_lazy(sample(lazy, 50, 3))


def test_a_sample_is_that_of_all_rows_in_their_whole_order(file: Path) -> None:
    """The naive way: sort everything that a row holds."""
    from tasks.splits import _digest

    examples = held(columns())
    order = sorted(
        (_digest(key, 3), text, label, row)
        for row, (key, text, label) in enumerate(
            zip(examples.keys(), examples.texts, examples.labels or (), strict=True)
        )
    )
    for size in (1, 50, 1_000, 4_000):
        expected = examples.select(sorted(row for *_, row in order[:size]))
        assert sample(single(file), size, 3) == expected


def test_rows_in_any_order(file: Path) -> None:
    lazy, expected = single(file), held(columns())
    generator = random.Random(1)
    for count in (30, 500):
        rows = [generator.randrange(ROWS) for _ in range(count)]
        assert lazy.select(rows) == expected.select(rows)
    assert lazy.texts[-1] == expected.texts[-1]
    assert lazy.texts[4_990:10:-333] == expected.texts[4_990:10:-333]
    assert lazy.select(range(200, 4_000)).select(range(100, 1_000)) == expected.select(range(300, 1_200))
    for outside in (ROWS, -ROWS - 1):
        with pytest.raises(IndexError):
            lazy.texts[outside]
    assert lazy.texts != expected.texts[:-1]
    assert lazy.texts != (*expected.texts[:-1], "other")
    assert hash(lazy.texts) == hash(expected.texts)


def test_sets_one_after_another(file: Path) -> None:
    lazy, expected = single(file), held(columns())
    few = Examples(("a", "b"), labels=(0, 1))
    found = concatenated([few, lazy, few, lazy])
    assert is_lazy(found)
    assert found == concatenated([few, expected, few, expected])
    assert found.sha256() == concatenated([few, expected, few, expected]).sha256()
    assert found.texts[ROWS + 1 : ROWS + 5] == (expected.texts[-1], "a", "b", expected.texts[0])


def test_left_out_rows_blank_rows_and_joined_columns_of_a_mirror(tmp_path: Path) -> None:
    values = columns()
    values["label"] = [(0, 1, 2)[row % 3] for row in range(ROWS)]
    values["title"] = [None if row % 5 == 0 else f"title {row} " for row in range(ROWS)]
    values["text"] = [" " if row % 4 == 0 else text for row, text in enumerate(values["text"])]
    source = replace(HUB, left_out=(2,), skip_blank=True, joined_with="title")
    found = in_mirror(tmp_path, values, source)
    kept = [row for row in range(ROWS) if row % 3 != 2 and not (row % 4 == 0 and row % 5 == 0)]

    def together(row: int) -> str:
        text, title = values["text"][row], values["title"][row]
        return str(text if title is None else title if not text.strip() else f"{text} {title}")

    assert is_lazy(found)
    assert found == Examples(tuple(map(together, kept)), labels=tuple(values["label"][row] for row in kept))


def test_joined_splits_and_nested_columns_of_a_mirror(tmp_path: Path) -> None:
    nested: dict[str, list[Any]] = {"translation": [{"en": text, "de": "x"} for text in columns()["text"]]}
    source = replace(HUB, text="translation.en", label=None)
    in_mirror(tmp_path, nested, source)
    found = Joined(parts=(source, source)).load(tmp_path).examples
    assert is_lazy(found)
    assert found == Examples(tuple(columns()["text"]) * 2)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("text", 4_321), None, "row 4322, column 'text' has no text."),
        (("text", 4_321), " ", "row 4322, column 'text' is not a text: ' '."),
        (("second_text", 1), "", "row 2, column 'second_text' is not a text: ''."),
        (("label", 4_999), 2, "row 5000, column 'label': label 2 is out of range;"),
        (("label", 4_999), None, "row 5000, column 'label' has no label."),
    ],
)
def test_a_fault_in_any_batch_is_found_when_loading(place: Any, value: Any, message: str, tmp_path: Path) -> None:
    values = columns()
    values[place[0]][place[1]] = value
    path = tmp_path / "mine.parquet"
    pyarrow.parquet.write_table(pyarrow.table(values), path, row_group_size=1_500)
    with pytest.raises(DataError) as caught:
        pairs_of(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_bytes_that_are_no_text_deep_in_the_file(tmp_path: Path) -> None:
    texts = pyarrow.array([b"fine"] * 4_000 + [b"\xff\xfe"]).view(pyarrow.string())
    path = tmp_path / "mine.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": [0] * 4_001}), path)
    with pytest.raises(DataError, match="is not a readable Parquet file"):
        single(path)


def written_anew(path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table(columns(seed=9)), path)


def one_byte_changed(path: Path) -> None:
    with path.open("rb+") as opened:
        opened.seek(100)
        byte = opened.read(1)
        opened.seek(100)
        opened.write(bytes([byte[0] ^ 1]))
    times = path.stat().st_mtime_ns + 1
    os.utime(path, ns=(times, times))  # the clock of the file system may be too coarse to tell


def replaced(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    stamp = path.stat().st_mtime_ns
    os.utime(copy, ns=(stamp, stamp))
    copy.replace(path)


@pytest.mark.parametrize("change", [written_anew, one_byte_changed, replaced])
@pytest.mark.parametrize("use", [Examples.sha256, Examples.columns, lambda examples: examples.select([3_000])])
def test_a_file_changed_after_it_was_checked_is_noticed(
    change: Callable[[Path], None], use: Callable[[Examples], object], file: Path
) -> None:
    examples = single(file)
    change(file)
    with pytest.raises(DataError) as caught:
        use(examples)
    assert str(caught.value) == (
        f"{file}: was changed while it was in use; run again, and leave it as it is until it is scored."
    )


def test_a_file_changed_or_removed_while_it_is_read(file: Path) -> None:
    examples = single(file)
    reading = iter(examples.texts)
    next(reading)
    one_byte_changed(file)
    with pytest.raises(DataError, match="was changed while it was in use"):
        list(reading)
    file.unlink()
    with pytest.raises(DataError, match=r"cannot be read again \(No such file or directory\); it must stay where"):
        examples.sha256()


def test_the_fingerprint_is_computed_once(file: Path) -> None:
    examples = single(file)
    assert examples.sha256() == held(columns()).sha256()
    file.unlink()
    assert examples.sha256() == held(columns()).sha256()


def test_small_sets_are_held(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    examples = pairs_of(file)
    file.unlink()
    assert isinstance(examples.texts, tuple)
    assert examples == held(columns(), pairs=True)


def task_of(source: Source) -> Task:
    test = EvaluationSet(name="test", role=Role.IN_DISTRIBUTION, source=source, origin="", licence="")
    return Task(
        name="mine",
        summary="",
        family="sentiment",
        labels=LABELS,
        training=source,
        training_origin="",
        evaluation_sets=(test,),
        in_distribution_test="test",
    )


def test_training_texts_are_held_and_evaluation_sets_are_not(file: Path) -> None:
    loaded = load_task(task_of(FileSource(path=file, text="text", labels=LABELS)))
    assert isinstance(loaded.training.examples.texts, tuple)
    assert isinstance(loaded.selection.examples.texts, tuple)
    part = loaded.evaluation["test"]
    assert is_lazy(part.examples)
    assert part.sha256 == held(columns()).sha256()


def test_processes_do_not_share_a_place_in_the_file(file: Path) -> None:
    examples, expected = single(file), held(columns())
    assert examples.texts[10] == expected.texts[10]
    answers: Any = multiprocessing.get_context("fork").Queue()

    def read() -> None:
        answers.put([examples.texts[row] for row in range(0, ROWS, 50)])

    child = multiprocessing.get_context("fork").Process(target=read)
    child.start()
    assert answers.get(timeout=60) == list(expected.texts[::50])
    child.join()
    assert [examples.texts[row] for row in range(10, ROWS, 50)] == list(expected.texts[10::50])
    assert pickle.loads(pickle.dumps(examples)) == expected


CHILD = """
import sys
from pathlib import Path
import tasks.columns
from tasks import FileSource
from tasks.splits import sample

tasks.columns.HELD_BYTES = 2**20
examples = FileSource(path=Path(sys.argv[1]), labels=("negative", "positive")).load(None).examples
half = sample(examples, len(examples) // 2, 0)
digests = [each.sha256() for each in (examples, half)]
characters = 0
for each in (examples, half):
    for start in range(0, len(each), 4_096):
        some = each.select(range(start, min(start + 4_096, len(each))))
        characters += sum(map(len, some.columns()[0]))
(peak,) = (int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
print(*digests, characters, peak * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read as Linux has it")
def test_the_peak_of_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    """Ten times as many texts, 30 MB more: checked, sampled, hashed, and handed out as for prediction."""
    sizes, peaks = [], []
    for rows in (10_000, 100_000):
        path = tmp_path / f"{rows}.parquet"
        sizes.append(write_long_texts(path, rows))
        done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        *_, characters, peak = map(str, done.stdout.split())
        assert int(characters) > sizes[-1]
        peaks.append(int(peak))
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 2, (sizes, peaks)
