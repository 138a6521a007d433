from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tasks import DataError, Projection, Role, Task, Unavailable, tasks
from tasks.hub_source import HubSource, hub_sources
from tasks.loading import LoadedTask, load_set, load_task

ROLES = {
    "entailment": {
        Role.IN_DISTRIBUTION: ["mnli-m", "mnli-mm"],
        Role.SHIFT: ["diagnostics", "fever-nli", "wanli", "hans", "qnli", "wnli", "nq-nli"],
        Role.ADVERSARIAL: [
            "anli-r1",
            "anli-r2",
            "anli-r3",
            "advglue-mnli",
            "advglue-mnli-mm",
            "textfooler-bert-mnli-m",
            "textfooler-bert-mnli-mm",
            "textfooler-roberta-mnli-m",
            "textfooler-roberta-mnli-mm",
        ],
        Role.ANOMALY: ["wmt16", "multi30k", "sst2", "20news", "qqp"],
    },
    "entailment-small": {
        Role.IN_DISTRIBUTION: ["c-snli-validation", "c-snli-test"],
        Role.SHIFT: ["mnli-m", "mnli-mm", "rte"],
        Role.ADVERSARIAL: ["advglue-mnli", "advglue-mnli-mm"],
        Role.ANOMALY: ["multi30k", "sst2", "ag-news"],
    },
}

HUB = {
    "mnli-m": "nyu-mll/glue",
    "mnli-mm": "nyu-mll/glue",
    "diagnostics": "pietrolesci/glue_diagnostics",
    "hans": "jhu-cogsci/hans",
    "qnli": "nyu-mll/glue",
    "wnli": "nyu-mll/glue",
    "fever-nli": "pietrolesci/nli_fever",
    "wanli": "alisawuffles/WANLI",
    "anli-r1": "facebook/anli",
    "anli-r2": "facebook/anli",
    "anli-r3": "facebook/anli",
    "advglue-mnli": "AI-Secure/adv_glue",
    "advglue-mnli-mm": "AI-Secure/adv_glue",
    "wmt16": "wmt/wmt16",
    "multi30k": "bentrevett/multi30k",
    "sst2": "stanfordnlp/sst2",
    "20news": "SetFit/20_newsgroups",
    "qqp": "nyu-mll/glue",
}

COUNTS = {
    "c-snli-validation": {0: 326, 1: 325, 2: 349},
    "c-snli-test": {0: 654, 1: 677, 2: 669},
    "mnli-m": {0: 373, 1: 311, 2: 316},
    "mnli-mm": {0: 346, 1: 319, 2: 335},
    "rte": {0: 146, 1: 131},
    "advglue-mnli": {0: 32, 1: 39, 2: 50},
    "advglue-mnli-mm": {0: 60, 1: 45, 2: 57},
}


@pytest.fixture(scope="module")
def small(mirror: Path) -> LoadedTask:
    return load_task(tasks["entailment-small"](), mirror=mirror)


def source(task: Task, name: str) -> HubSource:
    (found,) = (hub_sources(item.source) for item in task.evaluation_sets if item.name == name)
    return found[0]


@pytest.mark.parametrize("name", list(ROLES))
def test_every_set_has_its_role(name: str) -> None:
    declared: dict[Role, list[str]] = {}
    for item in tasks[name]().evaluation_sets:
        declared.setdefault(item.role, []).append(item.name)
    assert declared == ROLES[name]


def test_every_set_has_its_hub_data_set() -> None:
    task = tasks["entailment"]()
    assert {name: source(task, name).dataset for name in HUB} == HUB
    assert task.reads_hub
    assert task.labels == ("entailment", "neutral", "contradiction")
    assert (task.family, task.in_distribution_test) == ("entailment", "mnli-m")


def test_revisions_are_whole_commits_or_the_card_says_that_they_are_not_pinned() -> None:
    for task in (tasks[name]() for name in ROLES):
        for item in task.evaluation_sets:
            for found in hub_sources(item.source):
                pinned = found.revision is not None and len(found.revision) == 40
                assert pinned or item.origin.endswith("revision not pinned")


@pytest.mark.parametrize(
    ("task", "names"), [("entailment", {"hans", "qnli", "wnli", "nq-nli"}), ("entailment-small", {"rte"})]
)
def test_two_class_sets_are_projected(task: str, names: set[str]) -> None:
    projected = {item.name: item.projection for item in tasks[task]().evaluation_sets if item.projection is not None}
    two = Projection(labels=("entailment", "not-entailment"), groups=((0,), (1, 2)))
    assert projected == dict.fromkeys(names, two)


def test_the_published_task_cannot_be_had_from_a_mirror_without_its_training_data(mirror: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        load_task(tasks["entailment"](), mirror=mirror)
    assert str(caught.value) == (
        "task entailment: its training data: the mirror has no file nyu-mll/glue/mnli/train.parquet; "
        "roast-bench data fetch --task entailment fills a mirror from the hub; task entailment-small needs less."
    )


def test_nq_nli_is_always_missing_and_says_why(tmp_path: Path) -> None:
    task = tasks["entailment"]()
    (nq_nli,) = (item for item in task.evaluation_sets if item.name == "nq-nli")
    for mirror in (None, tmp_path):
        with pytest.raises(Unavailable, match="no data set on the hub is known to hold NQ-NLI"):
            load_set(task, nq_nli, mirror)


def test_the_small_task_s_data_are_whole_and_pinned(small: LoadedTask) -> None:
    assert len(small.training.examples) + len(small.selection.examples) == 8_330
    assert not small.training.partial
    assert small.task.training_sha256 is not None
    assert small.missing == {}
    assert [item.name for item in small.task.evaluation_sets if item.sha256] == [
        "c-snli-validation",
        "c-snli-test",
        "rte",
        "sst2",
    ]


@pytest.mark.parametrize("name", list(COUNTS))
def test_label_counts(name: str, small: LoadedTask) -> None:
    examples = small.evaluation[name].examples
    assert Counter(examples.labels or ()) == COUNTS[name]
    assert examples.second_texts is not None


def test_partial_sets_are_those_of_the_manifest(small: LoadedTask, mirror: Path) -> None:
    entries = json.loads((mirror / "MANIFEST.json").read_text(encoding="utf-8"))["datasets"]
    partial = {entry["file"]: entry["partial"] for entry in entries}
    assert {name: part.partial for name, part in small.evaluation.items()} == {
        name: partial[source(small.task, name).file] for name in small.evaluation
    }


def test_anomalies_are_single_texts_without_labels(small: LoadedTask) -> None:
    rows = {"multi30k": 1_000, "sst2": 872, "ag-news": 7_600}
    for name, count in rows.items():
        examples = small.evaluation[name].examples
        assert (len(examples), examples.labels, examples.second_texts) == (count, None, None)


def test_the_small_task_comes_from_a_mirror_alone() -> None:
    with pytest.raises(Unavailable, match=r"task entailment-small: its training data: .*name a mirror folder"):
        load_task(tasks["entailment-small"]())


def write(mirror: Path, wanted: HubSource, columns: dict[str, list[object]], names: list[str] | None = None) -> None:
    """A mirror with one file, its label column named as the datasets library does it."""
    table = pyarrow.table(columns)
    if names is not None:
        features = {wanted.label: {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    (mirror / wanted.file).parent.mkdir(parents=True)
    pyarrow.parquet.write_table(table, mirror / wanted.file)
    entries = {"datasets": [{"file": wanted.file, "partial": True}]}
    (mirror / "MANIFEST.json").write_text(json.dumps(entries), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "names", "first", "second"),
    [
        ("wnli", ["not_entailment", "entailment"], "sentence1", "sentence2"),
        ("qnli", ["entailment", "not_entailment"], "question", "sentence"),
        ("hans", ["entailment", "non-entailment"], "premise", "hypothesis"),
    ],
)
def test_codes_mean_what_the_hub_s_names_say(
    name: str, names: list[str], first: str, second: str, tmp_path: Path
) -> None:
    wanted = source(tasks["entailment"](), name)
    write(tmp_path, wanted, {first: ["a", "b"], second: ["c", "d"], "label": [0, 1]}, names)
    examples = wanted.load(tmp_path).examples
    assert examples.labels == ((1, 0) if name == "wnli" else (0, 1))
    assert (examples.texts, examples.second_texts) == (("a", "b"), ("c", "d"))


def test_claims_of_fever_are_hypotheses(tmp_path: Path) -> None:
    wanted = source(tasks["entailment"](), "fever-nli")
    columns: dict[str, list[object]] = {"premise": ["a claim"], "hypothesis": ["much evidence"], "label": [2]}
    write(tmp_path, wanted, columns, ["entailment", "neutral", "contradiction"])
    examples = wanted.load(tmp_path).examples
    assert (examples.texts, examples.second_texts, examples.labels) == (("much evidence",), ("a claim",), (2,))


def test_question_pairs_are_one_text(tmp_path: Path) -> None:
    wanted = source(tasks["entailment"](), "qqp")
    write(tmp_path, wanted, {"question1": ["Why?", ""], "question2": ["How?", "Who?"], "label": [0, 1]})
    examples = wanted.load(tmp_path).examples
    assert (examples.texts, examples.second_texts, examples.labels) == (("Why? How?", "Who?"), None, None)


def test_pinned_training_data_of_another_content_are_refused(mirror: Path, tmp_path: Path) -> None:
    task = tasks["entailment-small"]()
    (training,) = hub_sources(task.training)
    table = pyarrow.parquet.read_table(mirror / training.file)
    (tmp_path / training.file).parent.mkdir(parents=True)
    pyarrow.parquet.write_table(table.slice(1), tmp_path / training.file)
    entries = {"datasets": [{"file": training.file, "partial": False}]}
    (tmp_path / "MANIFEST.json").write_text(json.dumps(entries), encoding="utf-8")
    with pytest.raises(DataError, match="training data: its 8329 rows have fingerprint"):
        load_task(task, mirror=tmp_path)
