from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks import HubSource

REVISION = "0" * 40


def source(dataset: str, config: str, split: str, **columns: Any) -> HubSource:
    return HubSource(dataset=dataset, config=config, split=split, revision=REVISION, **columns)


BINARY = {0: 0, 1: 1}
SST2 = source("stanfordnlp/sst2", "default", "train", text="sentence", label="label", labels=BINARY)
YELP = source("Yelp/yelp_review_full", "yelp_review_full", "test", text="text", label="label", labels={0: 0, 4: 1})
POEM = source(
    "google-research-datasets/poem_sentiment",
    "default",
    "train",
    text="verse_text",
    label="label",
    labels=BINARY,
    left_out=("no_impact", "mixed"),
)
C_IMDB = source(
    "tasksource/counterfactually-augmented-imdb",
    "default",
    "test",
    text="Text",
    label="Sentiment",
    labels={"Negative": 0, "Positive": 1},
)
IMDB = source(
    "stanfordnlp/imdb", "plain_text", "test", text="text", label="label", labels=BINARY, mirror_config="default"
)
MNLI = source(
    "nyu-mll/glue",
    "mnli",
    "validation_matched",
    text="premise",
    second_text="hypothesis",
    label="label",
    labels={0: 0, 1: 1, 2: 2},
)
MULTI30K = source("bentrevett/multi30k", "default", "test", text="en")

ROWS = [
    pytest.param(SST2, {0: 29_780, 1: 37_569}, False, id="sst2"),
    pytest.param(YELP, {0: 518, 1: 482}, True, id="yelp"),
    pytest.param(POEM, {0: 155, 1: 133}, False, id="poem"),
    pytest.param(C_IMDB, {0: 245, 1: 243}, False, id="c-imdb"),
    pytest.param(IMDB, {0: 497, 1: 503}, True, id="imdb"),
    pytest.param(MNLI, {0: 373, 1: 311, 2: 316}, True, id="mnli"),
]


@pytest.mark.parametrize(("wanted", "counts", "partial"), ROWS)
def test_labels_and_partial_flag(wanted: HubSource, counts: dict[int, int], partial: bool, mirror: Path) -> None:
    loaded = wanted.load(mirror)
    assert loaded.examples.labels is not None
    assert Counter(loaded.examples.labels) == counts
    assert loaded.partial is partial


@pytest.mark.parametrize(("wanted", "counts", "partial"), ROWS)
def test_manifest_and_readme_say_the_same(
    wanted: HubSource, counts: dict[int, int], partial: bool, mirror: Path
) -> None:
    entries = json.loads((mirror / "MANIFEST.json").read_text(encoding="utf-8"))["datasets"]
    (entry,) = (entry for entry in entries if entry["file"] == wanted.file)
    kept = {index: entry["label_counts"][str(value)] for value, index in wanted.labels.items()}
    assert (kept, entry["partial"]) == (counts, partial)
    config = wanted.mirror_config or wanted.config
    row = re.search(
        rf"^\| {re.escape(wanted.dataset)} \| {config} \| {wanted.split} \| ([\d,]+) \| .* \| (yes|no) \|$",
        (mirror / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert row is not None
    assert (int(row[1].replace(",", "")), row[2]) == (entry["rows"], "yes" if partial else "no")
    left_out = sum(entry["label_counts"].values()) - sum(kept.values())
    assert len(wanted.load(mirror).examples) == entry["rows"] - left_out


def test_rows_with_other_labels_are_left_out_with_their_texts(mirror: Path) -> None:
    whole = source("google-research-datasets/poem_sentiment", "default", "train", text="verse_text").load(mirror)
    poem = POEM.load(mirror)
    assert (len(whole.examples), len(poem.examples)) == (892, 288)
    assert set(poem.examples.texts) < set(whole.examples.texts)
    # Row 2 has no impact and is left out; row 3 comes next.
    assert poem.examples.texts[:2] == (whole.examples.texts[0], whole.examples.texts[2])
    assert poem.examples.texts[:2] == (
        "with pale blue berries. in these peaceful shades--",
        "and that is why, the lonesome day,",
    )
    assert poem.examples.labels is not None
    assert poem.examples.labels[:2] == (1, 0)


def test_pairs_keep_premise_and_hypothesis_together(mirror: Path) -> None:
    examples = MNLI.load(mirror).examples
    assert examples.second_texts is not None
    assert examples.labels is not None
    assert examples.texts[0].startswith("In Temple Bar , the bookshop at the Gallery of Photography")
    assert (examples.second_texts[0], examples.labels[0]) == ("There is a bookshop at the gallery .", 0)


def test_without_labels(mirror: Path) -> None:
    examples = MULTI30K.load(mirror).examples
    assert (len(examples), examples.labels, examples.second_texts) == (1_000, None, None)
    assert examples.texts[0] == "A man in an orange hat starring at something."


def test_a_labelled_data_set_can_serve_without_labels(mirror: Path) -> None:
    examples = source("stanfordnlp/sst2", "default", "validation", text="sentence").load(mirror).examples
    assert (len(examples), examples.labels) == (872, None)
