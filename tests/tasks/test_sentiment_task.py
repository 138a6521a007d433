from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks import Role, tasks
from tasks.hub_source import HubSource, hub_sources
from tasks.loading import LoadedTask, load_task

ROLES = {
    Role.IN_DISTRIBUTION: ["sst2"],
    Role.SHIFT: ["yelp", "imdb", "c-imdb", "poem", "amazon"],
    Role.ADVERSARIAL: ["advglue-sst2", "dynasent-r1", "dynasent-r2", "textfooler-bert", "textfooler-roberta"],
    Role.ANOMALY: ["wmt16", "multi30k", "20news", "qqp", "mnli-m", "mnli-mm"],
}

HUB = {
    "sst2": "stanfordnlp/sst2",
    "yelp": "Yelp/yelp_review_full",
    "imdb": "stanfordnlp/imdb",
    "c-imdb": "tasksource/counterfactually-augmented-imdb",
    "poem": "google-research-datasets/poem_sentiment",
    "amazon": "fancyzhx/amazon_polarity",
    "advglue-sst2": "AI-Secure/adv_glue",
    "dynasent-r1": "dynabench/dynasent",
    "dynasent-r2": "dynabench/dynasent",
    "wmt16": "wmt/wmt16",
    "multi30k": "bentrevett/multi30k",
    "20news": "SetFit/20_newsgroups",
    "qqp": "nyu-mll/glue",
    "mnli-m": "nyu-mll/glue",
    "mnli-mm": "nyu-mll/glue",
}

COUNTS = {
    "sst2": {0: 428, 1: 444},
    "yelp": {0: 518, 1: 482},
    "imdb": {0: 497, 1: 503},
    "c-imdb": {0: 856 + 123 + 245, 1: 851 + 122 + 243},
    "poem": {0: 155 + 19 + 19, 1: 133 + 17 + 16},
    "amazon": {0: 1_515, 1: 1_485},
    "advglue-sst2": {0: 72, 1: 76},
}


@pytest.fixture(scope="module")
def loaded(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedTask:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("no transfer sets here"))
        return load_task(tasks["sentiment"](), mirror=mirror)


def sources(name: str) -> tuple[HubSource, ...]:
    (found,) = (item.source for item in tasks["sentiment"]().evaluation_sets if item.name == name)
    return hub_sources(found)


def test_every_set_has_its_role() -> None:
    declared: dict[Role, list[str]] = {}
    for item in tasks["sentiment"]().evaluation_sets:
        declared.setdefault(item.role, []).append(item.name)
    assert declared == ROLES


def test_every_set_has_its_hub_data_set() -> None:
    task = tasks["sentiment"]()
    assert {item.name: hub_sources(item.source)[0].dataset for item in task.evaluation_sets if item.name in HUB} == HUB
    assert task.reads_hub
    assert (task.family, task.labels, task.in_distribution_test) == ("sentiment", ("negative", "positive"), "sst2")


def test_revisions_are_whole_commits_or_the_card_says_that_they_are_not_pinned() -> None:
    for item in tasks["sentiment"]().evaluation_sets:
        for source in hub_sources(item.source):
            if source.revision is None:
                assert item.origin.endswith("revision not pinned")
            else:
                assert len(source.revision) == 40
                assert set(source.revision) <= set("0123456789abcdef")
                assert source.revision[:12] in item.origin


def test_no_shifted_text_is_a_training_text(loaded: LoadedTask, mirror: Path) -> None:
    """Two of SST-2's own validation sentences are in its training split upstream; nothing else is."""
    training = {*loaded.training.examples.keys(), *loaded.selection.examples.keys()}
    overlap = {name: len(training & set(part.examples.keys())) for name, part in loaded.evaluation.items()}
    assert overlap == dict.fromkeys(loaded.evaluation, 0) | {"sst2": 2}


def test_rotten_tomatoes_and_sst2_are_not_each_other_s_shift_set(loaded: LoadedTask, mirror: Path) -> None:
    rotten = HubSource(
        dataset="cornell-movie-review-data/rotten_tomatoes", config="default", split="train", text="text"
    )
    training = {*loaded.training.examples.keys(), *loaded.selection.examples.keys()}
    sentences = rotten.load(mirror).examples.keys()
    assert len(training & set(sentences)) > 4_000
    assert len(sentences) == 8_530
    used = {found.dataset for item in loaded.task.evaluation_sets for found in hub_sources(item.source)}
    assert rotten.dataset not in used
    assert not any("sst2" in item.name for item in tasks["reviews"]().evaluation_sets)


def test_training_data(loaded: LoadedTask) -> None:
    assert len(loaded.training.examples) + len(loaded.selection.examples) == 67_349
    assert not loaded.training.partial
    labels = (loaded.training.examples.labels or ()) + (loaded.selection.examples.labels or ())
    assert Counter(labels) == {0: 29_780, 1: 37_569}


@pytest.mark.parametrize("name", list(COUNTS))
def test_label_counts(name: str, loaded: LoadedTask) -> None:
    assert Counter(loaded.evaluation[name].examples.labels or ()) == COUNTS[name]


def test_partial_sets_are_those_of_the_manifest(loaded: LoadedTask, mirror: Path) -> None:
    entries = json.loads((mirror / "MANIFEST.json").read_text(encoding="utf-8"))["datasets"]
    partial = {entry["file"]: entry["partial"] for entry in entries}
    expected = {name: any(partial[source.file] for source in sources(name)) for name in loaded.evaluation}
    assert {name: part.partial for name, part in loaded.evaluation.items()} == expected
    assert {name for name, is_partial in expected.items() if is_partial} == {
        "yelp",
        "imdb",
        "amazon",
        "mnli-m",
        "mnli-mm",
    }


def test_what_the_mirror_lacks_is_missing_by_name(loaded: LoadedTask) -> None:
    assert loaded.missing == {
        "dynasent-r1": "the mirror has no file dynabench/dynasent/dynabench.dynasent.r1.all/test.parquet.",
        "dynasent-r2": "the mirror has no file dynabench/dynasent/dynabench.dynasent.r2.all/test.parquet.",
        "textfooler-bert": loaded.missing["textfooler-bert"],
        "textfooler-roberta": loaded.missing["textfooler-roberta"],
        "wmt16": "the mirror has no file wmt/wmt16/de-en/test.parquet.",
        "20news": "the mirror has no file SetFit/20_newsgroups/default/test.parquet.",
        "qqp": "the mirror has no file nyu-mll/glue/qqp/validation.parquet.",
    }
    assert "--save-set textfooler-bert" in loaded.missing["textfooler-bert"]


def test_anomalies_are_single_texts_without_labels(loaded: LoadedTask) -> None:
    for name in ("multi30k", "mnli-m", "mnli-mm"):
        examples = loaded.evaluation[name].examples
        assert (len(examples), examples.labels, examples.second_texts) == (1_000, None, None)
    assert loaded.evaluation["mnli-m"].examples.texts[0] == (
        "In Temple Bar , the bookshop at the Gallery of Photography carries a large selection of photographic "
        "publications , and the Flying Pig is a secondhand bookshop . There is a bookshop at the gallery ."
    )


def test_amazon_is_a_sample_of_the_whole_test_split() -> None:
    (amazon,) = (item for item in tasks["sentiment"]().evaluation_sets if item.name == "amazon")
    assert (amazon.rows, amazon.sample_size) == (400_000, 20_000)
    assert "20,000 of the 400,000" in amazon.note


def test_whole_sets_have_the_rows_of_their_cards(loaded: LoadedTask) -> None:
    rows: dict[str, Any] = {item.name: item.rows for item in tasks["sentiment"]().evaluation_sets}
    whole = {name: len(part.examples) for name, part in loaded.evaluation.items() if not part.partial}
    assert whole == {name: rows[name] for name in whole}
