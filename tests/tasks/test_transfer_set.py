from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tasks import DataError, Examples, TransferSet, Unavailable
from tasks.loading import Part
from tasks.table_file import PROVENANCE_KEY

PROVENANCE = {"model": "bert", "recipe": "textfooler", "seed": "0"}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., TransferSet]:
    def write(columns: dict[str, list[Any]], provenance: dict[str, str] | None = PROVENANCE) -> TransferSet:
        made = TransferSet(task="sentiment", name="textfooler-bert", folder=tmp_path)
        made.path.parent.mkdir(parents=True, exist_ok=True)
        table = pyarrow.table(columns)
        if provenance is not None:
            table = table.replace_schema_metadata({PROVENANCE_KEY: json.dumps(provenance).encode()})
        pyarrow.parquet.write_table(table, made.path)
        return made

    return write


def test_single_texts_with_their_true_labels_and_provenance(write: Callable[..., TransferSet]) -> None:
    loaded = write({"text": ["a flim", "a pilm"], "label": [1, 0]}).load(None)
    assert loaded.examples == Examples(("a flim", "a pilm"), labels=(1, 0))
    assert loaded.provenance == PROVENANCE
    assert not loaded.partial


def test_pairs(write: Callable[..., TransferSet]) -> None:
    loaded = write({"text": ["a"], "second_text": ["b"], "label": [2]}).load(None)
    assert loaded.examples == Examples(("a",), ("b",), (2,))


def test_equal_texts_of_another_model_are_other_data(write: Callable[..., TransferSet]) -> None:
    hashes = []
    for model in ("bert", "roberta", "bert"):
        loaded = write({"text": ["a"], "label": [1]}, {**PROVENANCE, "model": model}).load(None)
        hashes.append(Part(loaded.examples, 1, loaded.partial, loaded.provenance).sha256)
    assert hashes[0] != hashes[1]
    assert hashes[0] == hashes[2]


def test_a_set_that_was_never_made_says_how_to_make_it() -> None:
    with pytest.raises(Unavailable) as raised:
        TransferSet(task="sentiment", name="textfooler-bert").load(None)
    for part in ("not made yet", "attack CHECKPOINT --task sentiment --attack RECIPE --save-set textfooler-bert"):
        assert part in str(raised.value)
    assert "--transfer-sets" not in str(raised.value)


def test_another_folder_is_part_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"--transfer-sets {tmp_path} makes it"):
        TransferSet(task="sentiment", name="textfooler-bert", folder=tmp_path).load(None)


def test_texts_that_do_not_say_where_they_come_from_are_refused(write: Callable[..., TransferSet]) -> None:
    with pytest.raises(DataError, match=r"textfooler-bert\.parquet: does not say which model"):
        write({"text": ["a"], "label": [1]}, None).load(None)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": ["a"]}, "no column 'label'"),
        ({"words": ["a"], "label": [1]}, "text"),
        ({"text": [], "label": []}, "row"),
    ],
)
def test_malformed_files_are_named(write: Callable[..., TransferSet], columns: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        write(columns).load(None)
    assert "textfooler-bert.parquet" in str(raised.value)
