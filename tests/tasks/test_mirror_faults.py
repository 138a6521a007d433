from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tasks import DataError, HubSource

FILE = "made/up/default/test.parquet"
PAIRS = HubSource(
    dataset="made/up",
    config="default",
    split="test",
    revision="0" * 40,
    text="premise",
    second_text="hypothesis",
    label="label",
    labels={0: 0, 1: 1},
)
COLUMNS: dict[str, list[Any]] = {
    "premise": ["one", "two", "three"],
    "hypothesis": ["uno", "dos", "tres"],
    "label": [0, 1, 0],
}


def write(folder: Path, columns: dict[str, list[Any]], entries: object = None) -> Path:
    path = folder / FILE
    path.parent.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    manifest = {"datasets": [{"file": FILE, "partial": True}] if entries is None else entries}
    (folder / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def refusal(mirror: Path) -> str:
    with pytest.raises(DataError) as caught:
        PAIRS.load(mirror)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_the_faults_below_are_made_from_loads(tmp_path: Path) -> None:
    loaded = PAIRS.load(write(tmp_path, COLUMNS))
    assert loaded.examples.texts == ("one", "two", "three")
    assert loaded.examples.second_texts == ("uno", "dos", "tres")
    assert loaded.examples.labels == (0, 1, 0)
    assert loaded.partial


def test_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (f"the mirror has no file {FILE}.")


def test_missing_manifest(tmp_path: Path) -> None:
    write(tmp_path, COLUMNS)
    (tmp_path / "MANIFEST.json").unlink()
    assert refusal(tmp_path).startswith(f"{tmp_path / 'MANIFEST.json'}: does not say which files are partial (")


@pytest.mark.parametrize("entries", ["no list", [{"file": FILE}], [["no", "mapping"]]])
def test_manifest_of_another_shape(entries: object, tmp_path: Path) -> None:
    assert "MANIFEST.json: does not say which files are partial (" in refusal(write(tmp_path, COLUMNS, entries))


def test_manifest_that_is_no_json(tmp_path: Path) -> None:
    write(tmp_path, COLUMNS)
    (tmp_path / "MANIFEST.json").write_text("{", encoding="utf-8")
    assert "MANIFEST.json: does not say which files are partial (" in refusal(tmp_path)


def test_file_that_the_manifest_does_not_list(tmp_path: Path) -> None:
    entries = [{"file": "another/file.parquet", "partial": True}]
    assert f"MANIFEST.json: does not list {FILE}" in refusal(write(tmp_path, COLUMNS, entries))


@pytest.mark.parametrize("column", ["premise", "hypothesis", "label"])
def test_missing_column(column: str, tmp_path: Path) -> None:
    columns = {("other" if name == column else name): values for name, values in COLUMNS.items()}
    message = refusal(write(tmp_path, columns))
    assert message.startswith(f"{tmp_path / FILE}: has no column {column!r}; it has ")
    assert "'other'" in message


def test_no_expected_label(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, COLUMNS | {"label": [7, 8, 9]})) == (
        f"{tmp_path / FILE}: column 'label' holds none of the expected labels 0, 1."
    )


def test_labels_of_another_type(tmp_path: Path) -> None:
    assert "holds none of the expected labels 0, 1." in refusal(write(tmp_path, COLUMNS | {"label": ["0", "1", "0"]}))


def test_missing_labels_are_left_out(tmp_path: Path) -> None:
    loaded = PAIRS.load(write(tmp_path, COLUMNS | {"label": [None, 1, None]}))
    assert (loaded.examples.texts, loaded.examples.labels) == (("two",), (1,))


@pytest.mark.parametrize("content", [b"", b"PAR1 but nothing else", b"\x00" * 64])
def test_unreadable_parquet(content: bytes, tmp_path: Path) -> None:
    write(tmp_path, COLUMNS)
    (tmp_path / FILE).write_bytes(content)
    assert refusal(tmp_path).startswith(f"{tmp_path / FILE}: is not a readable Parquet file (")


@pytest.mark.parametrize("column", ["premise", "hypothesis"])
def test_missing_text(column: str, tmp_path: Path) -> None:
    message = refusal(write(tmp_path, COLUMNS | {column: ["one", None, "three"]}))
    assert message == f"{tmp_path / FILE}: row 2, column {column!r} has no text."


def test_text_that_is_not_a_number(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, COLUMNS | {"premise": [float("nan"), 1.0, 2.0]}))
    assert message == f"{tmp_path / FILE}: row 1, column 'premise' has no text."


@pytest.mark.parametrize(
    ("values", "shown"), [(["one", "two", ""], "''"), (["one", "two", " \t\n"], r"' \t\n'"), ([1, 2, 3], "1")]
)
def test_what_is_not_a_text(values: list[Any], shown: str, tmp_path: Path) -> None:
    row = 1 if values == [1, 2, 3] else 3
    message = refusal(write(tmp_path, COLUMNS | {"hypothesis": values}))
    assert message == f"{tmp_path / FILE}: row {row}, column 'hypothesis' is not a text: {shown}."


def test_rows_left_out_may_lack_a_text_and_row_numbers_are_the_file_s(tmp_path: Path) -> None:
    columns = {"premise": ["", "two", "three", None], "hypothesis": ["a", "b", "c", "d"], "label": [5, 0, 1, 1]}
    assert "row 4, column 'premise' has no text." in refusal(write(tmp_path, columns))
    columns["label"][3] = 5
    write(tmp_path / "mended", columns)
    assert PAIRS.load(tmp_path / "mended").examples.texts == ("two", "three")
