from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tasks import DataError, HubSource, Joined, Unavailable

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


@pytest.mark.parametrize(
    "entries", ["no list", [{"file": FILE}], [{"file": FILE, "partial": "no"}], [["no", "mapping"]]]
)
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
        f"{tmp_path / FILE}: row 1, column 'label' has label 7; expected is one of 0, 1."
    )


def test_labels_of_another_type(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, COLUMNS | {"label": ["0", "1", "0"]}))
    assert message.endswith("row 1, column 'label' has label '0'; expected is one of 0, 1.")


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), (None, "None"), (-1, "-1")])
def test_a_label_that_is_in_neither_list(value: int | None, shown: str, tmp_path: Path) -> None:
    assert refusal(write(tmp_path, COLUMNS | {"label": [0, 1, value]})).endswith(
        f"row 3, column 'label' has label {shown}; expected is one of 0, 1."
    )


def test_labels_that_are_no_single_values(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, COLUMNS | {"label": [[0], [1], [0]]}))
    assert "row 1, column 'label' has label [0]; expected" in message


def test_every_row_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, COLUMNS | {"label": [5, 5, 5]})
    with pytest.raises(DataError, match=r"column 'label' holds none of the expected labels 0, 1\.$"):
        replace(PAIRS, left_out=(5,)).load(tmp_path)


def named(folder: Path, names: list[str]) -> Path:
    """The file with names for its codes, as the datasets library stores them."""
    write(folder, COLUMNS)
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pyarrow.parquet.write_table(pyarrow.table(COLUMNS).replace_schema_metadata(metadata), folder / FILE)
    return folder


BY_NAME = replace(PAIRS, labels={"no": 1, "yes": 0})


def test_labels_by_the_names_of_the_schema(tmp_path: Path) -> None:
    assert BY_NAME.load(named(tmp_path / "one", ["yes", "no"])).examples.labels == (0, 1, 0)
    assert BY_NAME.load(named(tmp_path / "two", ["no", "yes"])).examples.labels == (1, 0, 1)


def test_a_name_that_the_schema_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        BY_NAME.load(named(tmp_path, ["yes", "nay"]))
    assert str(caught.value) == f"{tmp_path / FILE}: column 'label' has no label 'no'; its labels are 'yes', 'nay'."


def test_a_named_label_that_is_not_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 2, column 'label' has label 1 \(no\); expected is one of 'yes'\.$"):
        replace(PAIRS, labels={"yes": 0}).load(named(tmp_path, ["yes", "no"]))


def test_names_for_codes_without_names(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        BY_NAME.load(write(tmp_path, COLUMNS))
    assert str(caught.value).endswith(
        "row 1, column 'label' has label 0; expected is one of 'no', 'yes', and the column says no names for its codes."
    )


def test_a_schema_that_describes_its_columns_otherwise(tmp_path: Path) -> None:
    write(tmp_path, COLUMNS)
    table = pyarrow.table(COLUMNS).replace_schema_metadata({"huggingface": "[1]"})
    pyarrow.parquet.write_table(table, tmp_path / FILE)
    assert "its schema does not describe its columns as the hub does (" in refusal(tmp_path)


def test_sha256_of_the_manifest(tmp_path: Path) -> None:
    write(tmp_path, COLUMNS)
    expected = hashlib.sha256((tmp_path / FILE).read_bytes()).hexdigest()
    entry = {"file": FILE, "partial": False, "sha256": expected}
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"datasets": [entry]}), encoding="utf-8")
    assert not PAIRS.load(tmp_path).partial
    pyarrow.parquet.write_table(pyarrow.table(COLUMNS | {"label": [1, 1, 0]}), tmp_path / FILE)
    found = hashlib.sha256((tmp_path / FILE).read_bytes()).hexdigest()
    assert refusal(tmp_path) == (
        f"{tmp_path / FILE}: its sha256 is {found[:12]}…, MANIFEST.json says {expected[:12]}…; "
        "the file was changed or did not arrive whole."
    )


NESTED = HubSource(dataset="made/up", config="default", split="test", text="translation.en")


def test_a_field_of_a_nested_column(tmp_path: Path) -> None:
    pairs = [{"de": "Haus", "en": "house"}, {"de": "Baum", "en": "tree"}]
    assert NESTED.load(write(tmp_path, {"translation": pairs})).examples.texts == ("house", "tree")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([{"de": "Haus"}], "row 1, column 'translation' has no field 'en'; it has 'de'."),
        ([{"en": "house"}, None], "row 2, column 'translation' has no field 'en'; it has no fields."),
        ([{"en": "house"}, {"en": " "}], "row 2, column 'translation.en' is not a text: ' '."),
        (["house"], "row 1, column 'translation' has no field 'en'; it has no fields."),
    ],
)
def test_nested_columns_of_another_shape(values: list[Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        NESTED.load(write(tmp_path, {"translation": values}))
    assert str(caught.value) == f"{tmp_path / FILE}: {expected}"


def test_a_nested_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no column 'translation'; it has 'text'\.$"):
        NESTED.load(write(tmp_path, {"text": ["house"]}))


TITLED = HubSource(dataset="made/up", config="default", split="test", text="title", joined_with="content")


def test_joined_columns_have_one_space_between(tmp_path: Path) -> None:
    columns = {"title": ["Good", "Bad ", "", None, "Short"], "content": ["very", " very", "alone", "too", " "]}
    assert TITLED.load(write(tmp_path, columns)).examples.texts == ("Good very", "Bad very", "alone", "too", "Short")


@pytest.mark.parametrize(
    ("title", "content", "expected"),
    [(None, None, "has no text."), ("", " ", "is not a text: ' '."), (None, "", "is not a text: ''.")],
)
def test_joined_columns_without_any_text(title: Any, content: Any, expected: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        TITLED.load(write(tmp_path, {"title": ["Good", title], "content": ["very", content]}))
    assert str(caught.value) == f"{tmp_path / FILE}: row 2, column 'title + content' {expected}"


def test_joined_with_what_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 1, column 'title \+ content' is not a text: 1\.$"):
        TITLED.load(write(tmp_path, {"title": ["Good"], "content": [1]}))


def test_rows_without_a_text_can_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, COLUMNS | {"premise": ["one", " ", "three"], "hypothesis": ["uno", "dos", None]})
    loaded = replace(PAIRS, skip_blank=True).load(tmp_path)
    assert (loaded.examples.texts, loaded.examples.labels) == (("one",), (0,))


def test_splits_one_after_another(tmp_path: Path) -> None:
    write(tmp_path, COLUMNS)
    both = Joined(parts=(PAIRS, PAIRS)).load(tmp_path)
    assert both.examples.texts == ("one", "two", "three") * 2
    assert both.examples.labels == (0, 1, 0) * 2
    assert both.partial
    with pytest.raises(Unavailable, match=r"has no file made/up/default/train\.parquet\.$"):
        Joined(parts=(PAIRS, replace(PAIRS, split="train"))).load(tmp_path)


def test_missing_labels_are_left_out(tmp_path: Path) -> None:
    loaded = replace(PAIRS, left_out=(None,)).load(write(tmp_path, COLUMNS | {"label": [None, 1, None]}))
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
    pairs = replace(PAIRS, left_out=(5,))
    with pytest.raises(DataError, match=r"row 4, column 'premise' has no text\.$"):
        pairs.load(write(tmp_path, columns))
    columns["label"][3] = 5
    write(tmp_path / "mended", columns)
    assert pairs.load(tmp_path / "mended").examples.texts == ("two", "three")
