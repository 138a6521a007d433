from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given as given_examples
from hypothesis import settings
from hypothesis import strategies as st

from tasks import DataError, Examples, FileSource, Unavailable
from tasks.table_file import read_table

LABELS = ("negative", "positive")
ROWS = [
    {"text": 'a, "quoted", text', "label": "negative"},
    {"text": "two\nlines\r\nor three", "label": "positive"},
    {"text": "Žluťoučký kůň 🐎", "label": "positive"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows in the format that the name ends in, written by another library than the one that reads."""
    frame = pandas.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def load(path: Path, **settings: Any) -> Examples:
    return FileSource(path=path, **{"labels": LABELS, **settings}).load(None).examples


def refusal(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(path, **settings)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def table(tmp_path: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


FORMATS = ["mine.csv", "mine.tsv", "mine.jsonl", "mine.parquet", "MINE.CSV"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_examples(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name.lower(), ROWS).rename(tmp_path / name)
    loaded = FileSource(path=path, labels=LABELS).load(None)
    assert loaded.examples == Examples(tuple(row["text"] for row in ROWS), labels=(0, 1, 1))
    assert not loaded.partial
    assert loaded.provenance == {}


@settings(max_examples=50)
@given_examples(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from([0, 1])), min_size=1
    )
)
def test_whatever_csv_can_hold_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    path.write_bytes(buffer.getvalue().encode())
    assert read_table(path).columns == {
        "text": [text for text, _ in rows],
        "label": [str(label) for _, label in rows],
    }


def test_byte_order_mark_and_blank_lines_do_not_count(tmp_path: Path) -> None:
    assert load(table(tmp_path, "\ufefftext,label\r\n\r\none,0\r\n\r\ntwo,1\r\n\r\n")).texts == ("one", "two")
    path = table(tmp_path, '\ufeff{"text": "one", "label": 0}\n\n{"text": "two\u2028b", "label": 1}', "mine.jsonl")
    assert load(path).texts == ("one", "two\u2028b")


def test_long_texts_are_read_and_the_limit_of_others_is_left_alone(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    assert len(load(table(tmp_path, f"text,label\n{'a' * 200_000},1\n")).texts[0]) == 200_000
    refusal(table(tmp_path, 'text,label\n"a,1\n'))
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ("sentence,label", ("sentence",)),
        ("Review,label", ("Review",)),
        ("premise,hypothesis,label", ("premise", "hypothesis")),
        ("label,sentence2,sentence1", ("sentence1", "sentence2")),
        ("question1,question2,label", ("question1", "question2")),
        ("second_text,text,label", ("text", "second_text")),
        ("Second Text,Text,label", ("Text", "Second Text")),
        ("title,content,label", ("content",)),
    ],
)
def test_customary_columns_are_found(header: str, texts: tuple[str, ...], tmp_path: Path) -> None:
    names = header.split(",")
    path = write(tmp_path / "mine.csv", [{name: 1 if name == "label" else f"in {name}" for name in names}])
    examples = load(path)
    assert FileSource(path=path).columns() == texts
    assert tuple(column[0] for column in examples.columns()) == tuple(f"in {name}" for name in texts)


def test_named_columns_win_over_customary_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", [{"text": "a", "label": 0, "body": "b", "reply": "c", "stars": 1}])
    assert load(path, text="body", label="stars") == Examples(("b",), labels=(1,))
    assert load(path, text="body", second_text="reply") == Examples(("b",), ("c",), (0,))
    assert load(path, text="text", labelled=False) == Examples(("a",))


def test_a_named_text_column_is_never_the_label(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", [{"category": "a text", "label": "positive"}])
    assert load(path, text="category").labels == (1,)


@pytest.mark.parametrize(
    ("header", "settings", "message"),
    [
        ("text,review,label", {}, "the texts may be in 'text' or 'review'; name the column, text=…"),
        (
            "premise,hypothesis,sentence,label",
            {},
            "the texts may be in 'premise' with 'hypothesis' or 'sentence'; name the column",
        ),
        ("Text,text,label", {}, "the texts may be in 'Text' or 'text';"),
        ("text,label,gold_label", {}, "the labels may be in 'label' or 'gold_label'; name the column, label=…"),
        ("words,label", {}, "has no column of a customary name such as text, sentence,"),
        ("words,label", {}, "there is 'words', 'label'."),
        ("text,stars", {}, "has no column of labels, such as label; name it, label=…; there is 'text', 'stars'."),
        ("text,label", {"text": "txet"}, "has no column 'txet' (text=txet); did you mean 'text'? There is 'text',"),
        ("text,label", {"label": "stars"}, "has no column 'stars' (label=stars); there is 'text', 'label'."),
        ("text,label", {"text": "text", "second_text": "b"}, "has no column 'b' (second_text=b);"),
        ("text,text,label", {}, "has 2 columns 'text'; rename or remove all but one."),
    ],
)
def test_columns_that_cannot_be_told(header: str, settings: Any, message: str, tmp_path: Path) -> None:
    row = ",".join("1" for _ in header.split(","))
    assert message in refusal(table(tmp_path, f"{header}\n{row}\n"), **settings)


def test_a_second_text_needs_a_first() -> None:
    with pytest.raises(ValueError, match="name both columns of a pair"):
        FileSource(path=Path("mine.csv"), second_text="hypothesis")


def test_names_of_labels_that_read_alike() -> None:
    with pytest.raises(ValueError, match="two of them read alike"):
        FileSource(path=Path("mine.csv"), labels=("not-ok", "Not OK"))


@pytest.mark.parametrize(
    ("written", "index"),
    [
        *(("0", 0), ("1", 1), (" 2 ", 2), ("2.0", 2), ("entailment", 0), ("Neutral", 1)),
        *(("NOT_ENTAILMENT", 2), ("not entailment", 2), ("not-entailment", 2)),
    ],
)
def test_labels_in_a_csv_file(written: str, index: int, tmp_path: Path) -> None:
    path = table(tmp_path, f"text,label\na,{written}\n")
    assert load(path, labels=("entailment", "neutral", "not-entailment")).labels == (index,)


@pytest.mark.parametrize(("written", "index"), [("1", 1), ("1.0", 1), ('"1"', 1), ('"Positive"', 1), ("0", 0)])
def test_labels_in_a_jsonl_file(written: str, index: int, tmp_path: Path) -> None:
    assert load(table(tmp_path, f'{{"text": "a", "label": {written}}}', "mine.jsonl")).labels == (index,)


def test_a_name_wins_over_an_index(tmp_path: Path) -> None:
    stars = ("1", "2", "3")
    assert load(table(tmp_path, "text,label\na,1\nb,3\nc,0\n"), labels=stars).labels == (0, 2, 0)
    assert load(write(tmp_path / "mine.parquet", [{"text": "a", "label": 1}]), labels=stars).labels == (0,)


def test_labels_without_names(tmp_path: Path) -> None:
    path = table(tmp_path, "text,label\na,7\n")
    assert load(path, labels=()).labels == (7,)
    path = table(tmp_path, "text,label\na,positive\n")
    assert "row 1, column 'label': unknown label 'positive'; labels are whole numbers from 0." in refusal(
        path, labels=()
    )


KNOWN = "labels are 0 to 1 or their names negative, positive."


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("2", f"label 2 is out of range; {KNOWN}"),
        ("-1", f"label -1 is out of range; {KNOWN}"),
        ('"positiv"', f"unknown label 'positiv'; did you mean 'positive'? {KNOWN}"),
        ('"sad"', f"unknown label 'sad'; {KNOWN}"),
        ("0.5", f"unknown label 0.5; {KNOWN}"),
        ("true", f"unknown label True; {KNOWN}"),
        ("[1]", f"unknown label [1]; {KNOWN}"),
    ],
)
def test_labels_that_are_none(label: str, message: str, tmp_path: Path) -> None:
    rows = f'{{"text": "a", "label": 0}}\n{{"text": "b", "label": {label}}}\n'
    assert refusal(table(tmp_path, rows, "mine.jsonl")) == f"row 2, column 'label': {message}"


@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv", "mine.jsonl", "mine.parquet"])
@pytest.mark.parametrize("column", ["text", "label"])
def test_missing_values(name: str, column: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": "a", "label": 0}, {"text": "b", "label": 1}, {"text": "c", "label": 1}]
    rows[2][column] = None
    message = refusal(write(tmp_path / name, rows))
    assert message.startswith(f"row 3, column {column!r} ")
    assert "has no label." in message or "has no text." in message or "is not a text: ''." in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", " has no text."),
        ("null", " has no text."),
        ('""', " is not a text: ''."),
        ('"  "', " is not a text: '  '."),
        ('"\u00a0"', r" is not a text: '\xa0'."),
        ("3", " is not a text: 3."),
        (r'"half \ud83d"', ": character 6 is half a surrogate pair, which is no text."),
    ],
)
def test_what_is_no_text_in_jsonl(text: str, message: str, tmp_path: Path) -> None:
    path = table(tmp_path, f'{{"text": "a", "label": 0}}\n\n{{"text": {text}, "label": 1}}\n', "mine.jsonl")
    assert refusal(path) == f"row 2, column 'text'{message}"


@pytest.mark.parametrize("text", ["NaN", "nan"])
def test_a_missing_text_that_a_csv_file_spells_out(text: str, tmp_path: Path) -> None:
    path = table(tmp_path, f"text,label\nmy nan,0\n{text},1\n")
    assert refusal(path) == f"row 2, column 'text' has no text, but {text}."


def test_the_text_column_of_anomalies_is_checked_and_their_labels_are_not(tmp_path: Path) -> None:
    assert load(table(tmp_path, "text,label\na,?\n"), labelled=False) == Examples(("a",))
    assert "row 2, column 'text'" in refusal(table(tmp_path, 'text\na\n""\n'), labelled=False)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.csv", "", "is empty."),
        ("mine.csv", "\ufeff \n", "is empty."),
        ("mine.jsonl", "", "is empty."),
        ("mine.parquet", "", "is empty."),
        ("mine.csv", "text,label\n", "has no row."),
        ("mine.csv", "text,label\na,0\nb,c,1\n", "row 2 has 3 fields, the header has 2; a field that holds a comma,"),
        ("mine.tsv", "text\tlabel\na\n", "row 1 has 1 fields, the header has 2; a field that holds a tab,"),
        ("mine.csv", 'text,label\n"a\nb",0\n"c" d,1\n', "row 2 is malformed ("),
        ("mine.csv", 'text,label\na,0\n"b,1\nc,1\n', "row 2 is malformed (unexpected end of data)"),
        ("mine.csv", '"text,label\n', "the header is malformed (unexpected end of data)"),
        ("mine.jsonl", '{"text": "a", "label": 0}\n\n{"text": "b"\n', "row 2 is not JSON ("),
        ("mine.jsonl", '[{"text": "a", "label": 0}]', "row 1 is not a JSON object; write one object in each line."),
        ("mine.jsonl", "[" * 100_000, "row 1 is not JSON ("),
        ("mine.parquet", "text,label\na,0\n", "is not a readable Parquet file ("),
        ("mine.txt", "text,label\na,0\n", "its format is not known; its name must end in .csv, .tsv, .jsonl or "),
        ("mine", "text,label\na,0\n", "its format is not known;"),
        ("mine.json", "[]", "its format is not known;"),
        ("mine.csv", b"text,label\na,0\ncaf\xe9,1\n", "is not UTF-8: byte 0xe9 at position 18, in line 3; save it"),
        ("mine.csv", "text,label\na,0\n".encode("utf-16"), "is not UTF-8: byte 0xff at position 0, in line 1;"),
        ("mine.jsonl", b'{"text": "\xff"}', "is not UTF-8: byte 0xff at position 10, in line 1;"),
    ],
)
def test_files_that_are_none(name: str, content: str | bytes, message: str, tmp_path: Path) -> None:
    found = refusal(table(tmp_path, content, name))
    assert found.startswith(message)
    assert "\n" not in found


def test_rows_have_the_same_numbers_in_every_format(tmp_path: Path) -> None:
    rows = [{"text": "one\ntwo", "label": 0}, {"text": "three", "label": 1}, {"text": "four", "label": 5}]
    messages = {refusal(write(tmp_path / name, rows)) for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet")}
    assert messages == {f"row 3, column 'label': label 5 is out of range; {KNOWN}"}


def test_a_parquet_file_without_a_row(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": pyarrow.array([], "string"), "label": [] * 0}), path)
    assert refusal(path) == "has no row."


def test_a_parquet_file_whose_texts_are_not_utf8(tmp_path: Path) -> None:
    texts = pyarrow.array([b"fine", b"\xff\xfe"]).view(pyarrow.string())
    path = tmp_path / "mine.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": [0, 1]}), path)
    assert "is not a readable Parquet file (" in refusal(path)


def test_folders_of_a_path_are_no_columns(tmp_path: Path) -> None:
    folder = tmp_path / "label=1"
    folder.mkdir()
    assert load(write(folder / "mine.parquet", [{"text": "a", "label": 0}])).labels == (0,)


def test_a_folder_and_a_pipe(tmp_path: Path) -> None:
    import os

    (tmp_path / "folder.csv").mkdir()
    assert refusal(tmp_path / "folder.csv") == "is a folder; name a file in it."
    os.mkfifo(tmp_path / "pipe.csv")
    assert refusal(tmp_path / "pipe.csv") == "is no regular file."


def test_an_absent_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"absent\.csv: there is no such file\.$"):
        load(tmp_path / "absent.csv")


@pytest.mark.parametrize("name", ["mine.csv", "mine.jsonl", "mine.parquet"])
def test_a_file_that_may_not_be_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / name, ROWS)

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    monkeypatch.setattr(Path, "read_bytes", refused)
    assert refusal(path) == "cannot be read (Permission denied)."


def with_metadata(path: Path, value: bytes) -> Path:
    content = pyarrow.table({"text": ["a"], "label": [1]})
    pyarrow.parquet.write_table(content.replace_schema_metadata({b"roast_bench_provenance": value}), path)
    return path


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["positive", "negative"], (1, 0)),
        (["Negative", "Positive"], (0, 1)),
        (["bad", "good"], (0, 1)),
        (["positive", "bad"], (0, 1)),
    ],
)
def test_the_schema_s_own_names_say_what_codes_stand_for(
    names: list[str], labels: tuple[int, ...], tmp_path: Path
) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    made = Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]}, features=features)
    path = tmp_path / "mine.parquet"
    made.to_parquet(path)
    assert load(path).labels == labels


def test_codes_that_the_schema_does_not_name(tmp_path: Path) -> None:
    features = {"label": {"names": ["positive", "negative"], "_type": "ClassLabel"}}
    content = pyarrow.table({"text": ["a", "b"], "label": [1, 2]})
    described = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    path = tmp_path / "mine.parquet"
    pyarrow.parquet.write_table(content.replace_schema_metadata(described), path)
    assert refusal(path) == f"row 2, column 'label': label 2 is out of range; {KNOWN}"
    pyarrow.parquet.write_table(content.replace_schema_metadata({b"huggingface": b"{}"}), path)
    assert refusal(path).startswith("its schema does not describe its columns as the hub does (KeyError(")


def test_provenance_is_read(tmp_path: Path) -> None:
    provenance = {"model": "bert", "recipe": "textfooler", "note": "é"}
    path = with_metadata(tmp_path / "mine.parquet", json.dumps(provenance, ensure_ascii=False).encode())
    assert FileSource(path=path).load(None).provenance == provenance


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"seed": 3}', b"\xff"])
def test_provenance_that_is_none(value: bytes, tmp_path: Path) -> None:
    message = "its metadata 'roast_bench_provenance' is not a JSON object of strings."
    assert refusal(with_metadata(tmp_path / "mine.parquet", value)) == message
