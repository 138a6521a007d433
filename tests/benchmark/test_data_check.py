"""`roast-bench data check`: what is wrong with a task's sets, counted."""

from __future__ import annotations

import hashlib
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
import pytest

from benchmark.data.check import check_task
from benchmark.data.check_mirror import check_mirror
from benchmark.data.check_set import word_counts
from tasks import DataError, EvaluationSet, Examples, HubSource, Projection, Role, Task, Unavailable, register_task
from tasks.sources import Loaded

MIRROR = Path(os.environ.get("ROAST_BENCH_MIRROR") or Path(__file__).parents[2].parent / "shared" / "mirror")


@pytest.fixture(scope="module")
def real_mirror():
    if not (MIRROR / "MANIFEST.json").is_file():
        pytest.skip(f"no mirror at {MIRROR}; name one in ROAST_BENCH_MIRROR")
    return MIRROR


@pytest.fixture(autouse=True)
def no_mirror_by_default(monkeypatch):
    monkeypatch.delenv("ROAST_BENCH_MIRROR", raising=False)
    monkeypatch.delenv("ROAST_BENCH_TRANSFER_SETS", raising=False)


@dataclass(frozen=True)
class Given:
    """A source that holds its texts, or fails."""

    examples: Examples | Exception
    partial: bool = False

    def load(self, mirror):
        if isinstance(self.examples, Exception):
            raise self.examples
        return Loaded(self.examples, self.partial)


def texts(*rows, labels=None, seconds=None):
    labels = tuple(row % 2 for row in range(len(rows))) if labels is None else labels
    return Given(Examples(tuple(rows), seconds, labels))


TRAINING = texts("a good film", "a bad film", "so dull", "so lovely")


def task(training=TRAINING, **sets):
    """Sets by name: a source, or fields of the card; the first is in-distribution, the others shift."""
    cards = []
    for number, (name, given) in enumerate(sets.items()):
        role = Role.SHIFT if number else Role.IN_DISTRIBUTION
        card = {"role": role, "origin": "made up", "licence": "none"}
        card |= given if isinstance(given, dict) else {"source": given}
        cards.append(EvaluationSet(name=name, **card))
    return Task(
        name="made-up",
        summary="Made up.",
        family="sentiment",
        labels=("negative", "positive"),
        training=training,
        training_origin="made up",
        in_distribution_test=next(iter(sets)),
        evaluation_sets=tuple(cards),
    )


def findings(report, name=None):
    return {finding.kind: finding for item in report.sets if name in (None, item.name) for finding in item.findings}


def kinds(report, name):
    return {kind: finding.severity for kind, finding in findings(report, name).items()}


CLEAN = texts("one sentence", "another sentence")


def test_nothing_to_say_of_clean_sets():
    report = check_task(task(test=CLEAN, other=texts("third", "fourth")), None)
    assert [(item.name, item.role, item.rows, item.partial) for item in report.sets] == [
        ("training", "training", 4, False),
        ("test", "in-distribution", 2, False),
        ("other", "shift", 2, False),
    ]
    assert findings(report) == {}


def test_class_balance_by_name_and_fingerprint():
    sets = {"test": texts("a", "b", "c", labels=(1, 1, 0)), "odd": {"source": CLEAN, "role": Role.ANOMALY}}
    _, test, odd = check_task(task(**sets), None).sets
    assert test.classes == {"negative": 1, "positive": 2}
    assert test.sha256 == Examples(("a", "b", "c"), labels=(1, 1, 0)).sha256()
    assert odd.classes is None


def test_classes_of_a_projection():
    three = Task(
        name="made-up",
        summary="Made up.",
        family="entailment",
        labels=("entailment", "neutral", "contradiction"),
        training=texts("a", "b", "c", labels=(0, 1, 2)),
        training_origin="made up",
        in_distribution_test="test",
        evaluation_sets=(
            EvaluationSet(
                name="test",
                role=Role.IN_DISTRIBUTION,
                source=texts("d", "e", "f", labels=(0, 1, 2)),
                projection=Projection(labels=("entailment", "not-entailment"), groups=((0,), (1, 2))),
                origin="made up",
                licence="none",
            ),
        ),
    )
    report = check_task(three, None)
    assert report.sets[1].classes == {"entailment": 1, "not-entailment": 1}
    found = findings(report, "test")["labels"]
    assert (found.severity, found.count) == ("error", 1)
    assert "the first is 3 with 2; labels are 0 to 1 (entailment, not-entailment)" in found.message


@pytest.mark.parametrize("wrong", [2, -1, None, "0", 0.5])
def test_labels_out_of_range(wrong):
    report = check_task(task(test=texts("a", "b", "c", "d", labels=(0, 1, wrong, wrong))), None)
    found = findings(report, "test")["labels"]
    assert (found.severity, found.count, found.share) == ("error", 2, 0.5)
    assert f"2 of 4 (50.00%); the first is 3 with {wrong!r}; labels are 0 to 1 (negative, positive)" in found.message


def test_labels_that_are_not_there():
    unlabelled = Given(Examples(("a", "b")))
    report = check_task(task(test=unlabelled, odd={"source": unlabelled, "role": Role.ANOMALY}), None)
    assert kinds(report, "test")["labels"] == "error"
    assert "labels" not in kinds(report, "odd")


def test_a_class_without_rows():
    report = check_task(task(test=texts("a", "b", labels=(1, 1))), None)
    assert findings(report, "test")["classes"].message == "has no row of class negative."


@pytest.mark.parametrize("blank", ["", " \t\n", None, 7])
def test_rows_without_text(blank):
    given = texts("a", blank, "c", blank)
    report = check_task(task(test=given, other=texts("a", "d")), None)
    found = findings(report, "test")["empty"]
    assert (found.severity, found.count, found.share) == ("error", 2, 0.5)
    assert "the first is 2." in found.message
    assert report.sets[1].words is None
    assert report.sets[2].findings == ()


def test_pairs_need_both_texts():
    report = check_task(task(test=texts("a", "b", seconds=("x", " "))), None)
    assert findings(report, "test")["empty"].count == 1


def test_a_set_without_rows():
    report = check_task(task(test=Given(Examples((), labels=())), other=CLEAN), None)
    assert kinds(report, "test") == {"rows": "error"}


def test_the_card_is_held_against_the_data():
    right = CLEAN.examples.sha256()
    pinned = {"source": CLEAN, "sha256": right, "rows": 2}
    wrong = {"source": CLEAN, "sha256": "0" * 64, "rows": 3, "role": Role.IN_DISTRIBUTION}
    report = check_task(task(test=pinned, other=wrong), None)
    assert kinds(report, "test") == {}
    found = findings(report, "other")
    assert {kind: finding.severity for kind, finding in found.items()} == {"fingerprint": "error", "rows": "error"}
    assert (
        f"has fingerprint {right[:12]}…, the card says 000000000000…; it must be made up."
        in found["fingerprint"].message
    )
    assert "has 2 rows, the card says 3" in found["rows"].message


def test_a_sample_is_noted_and_not_held_against_the_card():
    sample = {"source": Given(CLEAN.examples, partial=True), "sha256": "0" * 64, "rows": 3}
    assert kinds(check_task(task(test=sample), None), "test") == {"partial": "note"}


def test_repeated_texts_and_conflicting_labels():
    rows = ("Fine!", "fine", "f i n e", "dull", "Dull.", "other", "alone")
    report = check_task(task(test=texts(*rows, labels=(1, 1, 1, 0, 1, 0, 1))), None)
    found = findings(report, "test")
    assert (found["duplicates"].severity, found["duplicates"].count) == ("note", 3)
    assert found["duplicates"].share == 3 / 7
    assert found["duplicates"].example == "fine"
    assert (found["conflicting labels"].severity, found["conflicting labels"].count) == ("note", 2)
    assert found["conflicting labels"].example == "dull"


def test_pairs_that_share_one_text_are_no_repeats():
    report = check_task(task(test=texts("a", "a", "a", seconds=("x", "y", "x"))), None)
    assert findings(report, "test")["duplicates"].count == 1
    assert findings(report, "test")["duplicates"].example == "a | x"


def test_overlaps_with_training_and_between_roles():
    sets = {
        "test": texts("A good film.", "new", "A GOOD film", "so dull!"),
        "second": {"source": texts("new"), "role": Role.IN_DISTRIBUTION},
        "other": texts("New!", "quite other", "more"),
    }
    report = check_task(task(**sets), None)
    found = findings(report, "test")["overlap with training"]
    assert (found.severity, found.count, found.share, found.example) == ("note", 3, 0.75, "A good film.")
    # Counted in the smaller set; sets of one role are not compared.
    between = findings(report, "other")["overlap with test"]
    assert (between.count, between.share, between.example) == (1, 1 / 3, "New!")
    assert "of test (in-distribution): 1 of 3 (33.33%)" in between.message
    assert set(findings(report, "second")) == {"classes", "overlap with other"}


def test_overlap_with_the_selection_slice_is_that_of_a_run():
    from tasks.loading import load_task

    many = tuple(f"sentence {number}" for number in range(400))
    made_up = task(texts(*many), test=texts(*many[:100]))
    held_out = set(load_task(made_up).selection.examples.texts)
    found = findings(check_task(made_up, None), "test")
    assert len(held_out) == 20
    assert found["overlap with training"].count == 100
    assert found["overlap with selection"].count == len(held_out & set(many[:100])) > 0


def test_counts_agree_with_a_naive_reference():
    generator = random.Random(0)
    words = ["Good", "good", "bad!", "so-so", "fine", "x"]

    def some(count):
        return texts(
            *(" ".join(generator.choices(words, k=generator.randint(1, 3))) for _ in range(count)),
            labels=tuple(generator.randint(0, 1) for _ in range(count)),
        )

    def plain(text):
        return "".join(character for character in text.lower() if character.isalnum())

    training, test, other = some(40), some(30), some(25)
    report = check_task(task(training, test=test, other=other), None)
    rows = {name: [plain(text) for text in given.examples.texts] for name, given in [("t", test), ("o", other)]}
    seen = {plain(text) for text in training.examples.texts}
    assert findings(report, "test")["duplicates"].count == len(rows["t"]) - len(set(rows["t"]))
    assert findings(report, "test")["overlap with training"].count == sum(row in seen for row in rows["t"])
    assert findings(report, "other")["overlap with test"].count == sum(row in set(rows["t"]) for row in rows["o"])
    by_text = {}
    for row, label in zip(rows["t"], test.examples.labels, strict=True):
        by_text.setdefault(row, set()).add(label)
    assert findings(report, "test")["conflicting labels"].count == sum(len(by_text[row]) > 1 for row in rows["t"])


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 100, 101])
def test_lengths_against_numpy(count):
    generator = random.Random(count)
    words = [generator.randint(1, 50) for _ in range(count)]
    found = word_counts(Examples(tuple("word " * number for number in words)))
    expected = [int(numpy.percentile(words, share, method="inverted_cdf")) for share in (50, 95, 100)]
    assert [found.median, found.percentile_95, found.longest] == expected


def test_words_of_both_texts_of_a_pair():
    assert word_counts(Examples(("a b",), ("c d e",))).longest == 5


def test_what_is_missing_or_malformed_does_not_stop_the_others():
    sets = {
        "test": Given(Unavailable("the mirror has no file x.")),
        "gone": Given(Unavailable("not made yet.")),
        "broken": Given(DataError("x.csv: row 3, column 'text' has no text.")),
        "raising": Given(KeyError("text")),
        "clean": CLEAN,
    }
    report = check_task(task(**sets), None)
    assert kinds(report, "test") == {"missing": "note"}
    assert "the task cannot run without it: the mirror has no file x." in findings(report, "test")["missing"].message
    assert findings(report, "gone")["missing"].message == "is missing: not made yet."
    assert kinds(report, "broken") == {"malformed": "error"}
    assert "KeyError: 'text'" in findings(report, "raising")["malformed"].message
    assert report.sets[-1].rows == 2
    assert report.sets[-1].findings == ()


def test_training_data_that_cannot_be_read():
    report = check_task(task(Given(DataError("broken")), test=CLEAN), None)
    assert kinds(report, "training") == {"malformed": "error"}
    assert kinds(report, "test") == {}


# The files of a mirror.


@pytest.fixture
def small_mirror(tmp_path):
    """Two data sets and one other file, all as the manifest says."""
    listed = {"format": 1, "datasets": [], "nltk_data": []}
    for file in ("a/b/c/test.parquet", "a/b/c/train.parquet"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.table({"text": ["one", "two"]}), tmp_path / file)
        listed["datasets"].append({"file": file, "partial": False, "rows": 2, "sha256": sha256(tmp_path / file)})
    (tmp_path / "nltk_data").mkdir()
    (tmp_path / "nltk_data" / "words").write_text("words", encoding="utf-8")
    listed["nltk_data"].append({"file": "nltk_data/words", "sha256": sha256(tmp_path / "nltk_data" / "words")})
    (tmp_path / "MANIFEST.json").write_text(json.dumps(listed), encoding="utf-8")
    return tmp_path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changed(folder, change):
    content = json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))
    change(content)
    (folder / "MANIFEST.json").write_text(json.dumps(content), encoding="utf-8")


def told(folder):
    return [(finding.severity, finding.place, finding.kind) for finding in check_mirror(folder).findings]


def test_a_whole_mirror(small_mirror):
    assert check_mirror(small_mirror).files == 3
    assert told(small_mirror) == []


def test_changed_bytes(small_mirror):
    table = pyarrow.table({"text": ["one", "changed"]})
    pyarrow.parquet.write_table(table, small_mirror / "a/b/c/test.parquet")
    (small_mirror / "nltk_data" / "words").write_text("wards", encoding="utf-8")
    assert told(small_mirror) == [("error", "a/b/c/test.parquet", "sha256"), ("error", "nltk_data/words", "sha256")]


def test_bytes_that_are_no_parquet(small_mirror):
    (small_mirror / "a/b/c/test.parquet").write_bytes(b"PAR1")
    assert told(small_mirror) == [
        ("error", "a/b/c/test.parquet", "sha256"),
        ("error", "a/b/c/test.parquet", "format"),
    ]


def test_another_number_of_rows(small_mirror):
    changed(small_mirror, lambda content: content["datasets"][1].update(rows=3))
    assert told(small_mirror) == [("error", "a/b/c/train.parquet", "rows")]
    assert "has 2 rows, MANIFEST.json says 3" in check_mirror(small_mirror).findings[0].message


def test_entries_without_a_file_and_files_without_an_entry(small_mirror):
    (small_mirror / "a/b/c/test.parquet").rename(small_mirror / "a/b/c/new.parquet")
    assert told(small_mirror) == [
        ("error", "a/b/c/test.parquet", "absent"),
        ("note", "a/b/c/new.parquet", "not listed"),
    ]


def test_entries_without_a_sha256(small_mirror):
    changed(small_mirror, lambda content: content["datasets"][0].pop("sha256"))
    assert told(small_mirror) == [("note", "a/b/c/test.parquet", "sha256")]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["datasets"][0].pop("partial"),
        lambda content: content["datasets"].append("x"),
        lambda content: content["datasets"][0].update(file="../../etc/passwd"),
        lambda content: content["nltk_data"][0].update(file="/etc/passwd"),
        lambda content: content.update(format=7),
        lambda content: content.pop("datasets"),
    ],
    ids=["no flag", "no mapping", "out of the mirror", "absolute", "format", "no list"],
)
def test_a_manifest_that_cannot_be_used(change, small_mirror):
    changed(small_mirror, change)
    assert ("error", "MANIFEST.json", "manifest") in told(small_mirror)


def test_no_manifest(tmp_path):
    assert told(tmp_path) == [("error", "MANIFEST.json", "manifest")]


# On the command line.


@pytest.fixture
def declared():
    """Registers a task."""

    def declare(made_up):
        register_task(made_up.name)(lambda: made_up)

    return declare


def test_errors_are_the_exit_code_and_notes_are_not(roast_bench, declared):
    declared(task(test=texts("a", "a"), gone=Given(Unavailable("not made yet."))))
    done = roast_bench("data", "check", "--task", "made-up")
    assert done.code == 0
    assert "0 errors, 3 notes." in done.out
    declared_again = task(test=texts("a", "b", labels=(0, 5)), other=CLEAN)
    from tasks import tasks

    tasks["made-up"] = lambda: declared_again
    done = roast_bench("data", "check", "--task", "made-up")
    assert done.code == 1
    assert "error  made-up/test: rows with a label out of range: 1 of 2 (50.00%)" in done.out
    assert "1 error, 1 note." in done.out


def test_the_table(roast_bench, declared):
    declared(task(test=texts("one two three", "a", "b"), gone=Given(Unavailable("not made yet."))))
    lines = roast_bench("data", "check", "--task", "made-up").out.splitlines()
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert rows["test"] == [
        "test",
        "in-distribution",
        "3",
        "negative",
        "2,",
        "positive",
        "1",
        "1,",
        "3,",
        "3",
        "–",
        "–",
    ]
    assert rows["gone"] == ["gone", "shift", "missing", "–", "–", "–", "1"]


def test_json_says_the_same(roast_bench, declared):
    long = "word " * 500 + "\x1b[2J end"
    declared(task(test=texts(long, long)))
    done = roast_bench("data", "check", "--task", "made-up", "--json")
    facts = json.loads(done.out)
    assert (facts["errors"], facts["notes"], facts["mirror"]) == (0, 2, None)
    ((training, test),) = (item["sets"] for item in facts["tasks"])
    assert (training["name"], test["rows"], test["classes"]) == ("training", 2, {"negative": 1, "positive": 1})
    assert test["findings"][0]["example"] == long
    assert "\x1b" not in done.out


def test_examples_are_short_and_harmless_on_a_terminal(roast_bench, declared):
    long = "\x1b[2J\u202eword\n " * 100
    declared(task(test=texts(long, long)))
    out = roast_bench("data", "check", "--task", "made-up").out
    assert "␛[2J<U+202E>word␊" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert max(map(len, out.splitlines())) < 300


def test_a_set_of_several_tasks_is_noted_once(roast_bench, real_mirror):
    done = roast_bench("data", "check", "--task", "entailment,entailment-small", "--mirror", real_mirror)
    (line,) = (line for line in done.out.splitlines() if "/mnli-m:" in line and "sample" in line)
    assert "entailment/mnli-m, entailment-small/mnli-m: is a sample" in line


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--task", "review"], ["unknown task 'review'", "did you mean 'reviews'?"]),
        (["--mirror", "nowhere"], ["--mirror nowhere", "no such folder"]),
        (["--plugin", "absent.py"], ["--plugin absent.py"]),
    ],
)
def test_mistakes(arguments, parts, roast_bench):
    done = roast_bench("data", "check", *arguments)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.strip().splitlines()
    for part in parts:
        assert part in line


def test_a_plugin_s_task(roast_bench, plugin):
    done = roast_bench("data", "check", "--plugin", plugin, "--task", "tiny", "--json")
    facts = json.loads(done.out)
    assert [item["name"] for item in facts["tasks"][0]["sets"]] == ["training", "test", "other", "odd"]
    assert (done.code, facts["errors"]) == (0, 0)


# The mirror of real data, and what its README counts.


def hub(dataset, split, text="text"):
    labels = {"negative": 0, "positive": 1} if "sst2" in dataset else {"neg": 0, "pos": 1}
    return HubSource(dataset=dataset, config="default", split=split, text=text, label="label", labels=labels)


SST2_TRAIN = hub("stanfordnlp/sst2", "train", "sentence")
SST2_VALIDATION = hub("stanfordnlp/sst2", "validation", "sentence")
TOMATOES = "cornell-movie-review-data/rotten_tomatoes"


def test_known_overlaps_with_sst2(real_mirror):
    sets = {
        "validation": SST2_VALIDATION,
        "tomatoes-test": hub(TOMATOES, "test"),
        "tomatoes-train": hub(TOMATOES, "train"),
    }
    report = check_task(task(SST2_TRAIN, **sets), real_mirror)
    assert findings(report, "validation")["overlap with training"].count == 2
    assert findings(report, "tomatoes-test")["overlap with training"].count == 141
    # The README counts 4,090, of ASCII letters: for one of them "touché !" is "touch". Here accents count.
    assert findings(report, "tomatoes-train")["overlap with training"].count == 4089
    assert "overlap with validation" not in findings(report, "tomatoes-test")
    # Counted in the smaller of the two.
    assert findings(report, "validation")["overlap with tomatoes-train"].count == 731


def test_known_repeats_of_imdb(real_mirror):
    report = check_task(task(SST2_VALIDATION, test=hub("stanfordnlp/imdb", "test")), real_mirror)
    assert findings(report, "test")["duplicates"].count == 2
    assert findings(report, "test")["partial"].severity == "note"


def test_the_real_mirror_is_as_its_manifest_says(real_mirror):
    report = check_mirror(real_mirror)
    listed = json.loads((real_mirror / "MANIFEST.json").read_text(encoding="utf-8"))
    assert report.findings == ()
    assert report.files == len(listed["datasets"]) + len(listed["nltk_data"])


def test_the_large_tasks_are_fit_to_be_scored_from_the_mirror(roast_bench, real_mirror):
    done = roast_bench(
        "data", "check", "--task", "sentiment,entailment,entailment-small", "--mirror", real_mirror, "--json"
    )
    facts = json.loads(done.out)
    assert (done.code, facts["errors"]) == (0, 0)
    sentiment = next(item for item in facts["tasks"] if item["name"] == "sentiment")
    sets = {item["name"]: item for item in sentiment["sets"]}
    assert sets["training"]["classes"] == {"negative": 29_780, "positive": 37_569}
    sst2 = {finding["kind"]: finding["count"] for finding in sets["sst2"]["findings"]}
    assert sst2["overlap with training"] == 2
