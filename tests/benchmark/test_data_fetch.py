"""`roast-bench data fetch`, with real `datasets.Dataset` objects in the place of what the hub sends."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil

import datasets
import pyarrow.parquet
import pytest

from tasks import EvaluationSet, Examples, HubSource, PackageSource, Role, Task, hub, register_task

COMMIT = "8d51e7e4887a4caaa95b3fbebbf53c0490b58bbb"
NEWEST = "f" * 40
FILMS, NEWS, TALK = "made/films", "made/news", "made/talk"
FILMS_TRAIN, FILMS_TEST = f"{FILMS}/default/train.parquet", f"{FILMS}/default/test.parquet"
NEWS_TEST, TALK_TEST = f"{NEWS}/mirrored/test.parquet", f"{TALK}/de-en/test.parquet"
FILES = [FILMS_TRAIN, FILMS_TEST, NEWS_TEST, TALK_TEST]


def films(split):
    return HubSource(
        dataset=FILMS,
        config="default",
        split=split,
        revision=COMMIT,
        text="sentence",
        label="label",
        labels={"bad": 0, "good": 1},
    )


NEWS_SOURCE = HubSource(
    dataset=NEWS,
    config="plain_text",
    mirror_config="mirrored",
    split="test",
    text="premise",
    second_text="hypothesis",
    label="verdict",
    labels={"no": 0, "yes": 1},
)
TALK_SOURCE = HubSource(dataset=TALK, config="de-en", split="test", revision=COMMIT, text="translation.en")
CARD = {"origin": "made up", "licence": "CC0"}


def films_table(rows):
    return datasets.Dataset.from_dict(
        {
            "idx": list(range(rows)),
            "sentence": [f"sentence {row} " for row in range(rows)],
            "label": [0, 1] * (rows // 2),
        },
        features=datasets.Features(
            {
                "idx": datasets.Value("int32"),
                "sentence": datasets.Value("string"),
                "label": datasets.ClassLabel(names=["bad", "good"]),
            }
        ),
    )


def news_table():
    return datasets.Dataset.from_dict(
        {"premise": ["one", "two", "three"], "hypothesis": ["uno", "dos", "tres"], "verdict": ["yes", "no", "yes"]},
        info=datasets.DatasetInfo(license="MIT"),
    )


def talk_table():
    return datasets.Dataset.from_dict(
        {"translation": [{"de": "Ja.", "en": "Yes."}, {"de": "Nein.", "en": "No."}]},
        features=datasets.Features({"translation": datasets.Translation(languages=["de", "en"])}),
    )


@pytest.fixture(autouse=True)
def made_up_task():
    @register_task("made-up")
    def made_up():
        sets = {
            "test": (Role.IN_DISTRIBUTION, films("test")),
            "same": (Role.SHIFT, films("test")),
            "news": (Role.SHIFT, NEWS_SOURCE),
            "talk": (Role.ANOMALY, TALK_SOURCE),
            "here": (Role.ANOMALY, PackageSource(package="none", read=lambda: Examples(("text",)))),
        }
        return Task(
            name="made-up",
            summary="Made up.",
            family="sentiment",
            labels=("no", "yes"),
            training=films("train"),
            training_origin="made up",
            in_distribution_test="test",
            evaluation_sets=tuple(
                EvaluationSet(name=name, role=role, source=source, **CARD) for name, (role, source) in sets.items()
            ),
        )


class Hub:
    """Stands in for the hub: what it holds, and what it was asked for."""

    def __init__(self):
        self.tables = {
            (FILMS, "default", "train"): films_table(6),
            (FILMS, "default", "test"): films_table(4),
            (NEWS, "plain_text", "test"): news_table(),
            (TALK, "de-en", "test"): talk_table(),
        }
        self.asked = []

    def load_dataset(self, dataset, config, *, split, revision):
        self.asked.append((dataset, split, revision))
        table = self.tables[dataset, config, split]
        if isinstance(table, BaseException):
            raise table
        table.info.download_checksums = {f"hf://datasets/{dataset}@{revision}/data.parquet": {"num_bytes": 1}}
        return table


@pytest.fixture
def the_hub(monkeypatch):
    there = Hub()
    monkeypatch.setattr(datasets, "load_dataset", there.load_dataset)
    monkeypatch.setattr(hub, "hub_answers", lambda: True)

    def dataset_info(self, dataset, timeout):
        assert timeout <= 60
        return type("Info", (), {"sha": NEWEST})

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", dataset_info)
    return there


@pytest.fixture
def fetch(roast_bench, tmp_path):
    def invoke(*arguments):
        return roast_bench("data", "fetch", "--task", "made-up", "--mirror", tmp_path / "mirror", *arguments)

    return invoke


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "mirror"


def manifest(folder):
    return json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))


def entries(folder):
    return {entry["file"]: entry for entry in manifest(folder)["datasets"]}


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def assert_one_line(done, *parts):
    assert done.code == 2, (done.out, done.err)
    assert done.out == ""
    (line,) = done.err.strip().splitlines()
    for part in parts:
        assert part in line, line


def test_every_file_once_and_listed(fetch, folder, the_hub):
    done = fetch()
    assert done.code == 0, done.err
    assert the_hub.asked == [
        (FILMS, "train", COMMIT),
        (FILMS, "test", COMMIT),
        (NEWS, "test", NEWEST),
        (TALK, "test", COMMIT),
    ]
    assert files(folder) == sorted(["MANIFEST.json", *FILES])
    assert "4 fetched" in done.out
    lines = done.err.splitlines()
    assert [re.match(r"\d of \d: (\S+): ([\d,]+) rows", line).groups() for line in lines] == list(
        zip(FILES, ["6", "4", "3", "2"], strict=True)
    )
    assert lines[0].startswith("1 of 4: ")
    assert list(entries(folder)) == FILES
    for file, entry in entries(folder).items():
        content = (folder / file).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_what_the_manifest_says(fetch, folder, the_hub):
    fetch()
    assert manifest(folder)["format"] == 1
    film, news = entries(folder)[FILMS_TEST], entries(folder)[NEWS_TEST]
    assert {key: film[key] for key in ("dataset", "config", "split", "rows", "partial", "revision", "licence")} == {
        "dataset": FILMS,
        "config": "default",
        "split": "test",
        "rows": 4,
        "partial": False,
        "revision": COMMIT,
        "licence": "CC0",
    }
    assert film["columns"] == {"idx": "int32", "sentence": "string", "label": "int64"}
    assert (film["label_column"], film["label_counts"]) == ("label", {"0": 2, "1": 2})
    assert film["label_names"] == ["bad", "good"]
    assert COMMIT in film["origin"][0]
    assert (news["config"], news["revision"], news["licence"]) == ("mirrored", NEWEST, "MIT")
    assert "config plain_text" in news["origin"][0]
    assert (news["label_column"], news["label_counts"], news["label_names"]) == ("verdict", {"no": 1, "yes": 2}, None)
    talk = entries(folder)[TALK_TEST]
    assert (talk["label_column"], talk["label_counts"]) == (None, {})


def test_the_manifest_has_the_keys_of_a_mirror_made_elsewhere(fetch, folder, the_hub):
    fetch()
    keys = "file dataset config split rows columns label_column label_counts label_names partial origin licence bytes"
    for entry in entries(folder).values():
        assert set(entry) == {*keys.split(), "sha256", "revision"}


@pytest.mark.parametrize("source", [films("train"), films("test"), NEWS_SOURCE, TALK_SOURCE], ids=lambda it: it.file)
def test_a_mirror_gives_what_the_hub_gives(source, fetch, folder, the_hub):
    fetch()
    from_hub, from_mirror = source.load(None), source.load(folder)
    assert from_mirror.examples == from_hub.examples
    assert len(from_mirror.examples) > 0
    assert not from_mirror.partial


def test_every_column_type_and_label_name_is_kept(fetch, folder, the_hub):
    fetch()
    for (dataset, config, split), table in the_hub.tables.items():
        path = folder / dataset / config.replace("plain_text", "mirrored") / f"{split}.parquet"
        again = datasets.Dataset.from_parquet(str(path), cache_dir=str(folder.parent / "cache"))
        assert again.features == table.features
        assert again.to_dict() == table.to_dict()
        assert pyarrow.parquet.read_schema(path).metadata == table.features.arrow_schema.metadata


def test_rows_beyond_one_batch(fetch, folder, the_hub, monkeypatch):
    monkeypatch.setattr("benchmark.data.hub_split.ROWS_AT_ONCE", 4)
    the_hub.tables[FILMS, "default", "train"] = films_table(10)
    fetch()
    assert films("train").load(folder).examples == films("train").load(None).examples
    assert entries(folder)[FILMS_TRAIN]["label_counts"] == {"0": 5, "1": 5}


def test_the_same_data_give_the_same_bytes(fetch, folder, the_hub):
    fetch()
    before = {file: (folder / file).read_bytes() for file in files(folder)}
    shutil.rmtree(folder)
    fetch()
    assert {file: (folder / file).read_bytes() for file in files(folder)} == before


def test_what_is_there_is_not_fetched_and_needs_no_hub(fetch, folder, the_hub, monkeypatch):
    fetch()
    the_hub.asked.clear()
    monkeypatch.setattr(hub, "hub_answers", lambda: pytest.fail("the hub was looked for"))
    done = fetch()
    assert (done.code, the_hub.asked) == (0, [])
    assert "4 there already" in done.out


def test_force_fetches_what_is_there(fetch, the_hub):
    fetch()
    assert "4 fetched" in fetch("--force").out
    assert len(the_hub.asked) == 8


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"PAR1"), lambda path: path.unlink()])
def test_a_damaged_file_is_fetched_again(damage, fetch, folder, the_hub):
    fetch()
    whole = (folder / FILMS_TEST).read_bytes()
    damage(folder / FILMS_TEST)
    the_hub.asked.clear()
    assert "1 fetched, 3 there already" in fetch().out
    assert the_hub.asked == [(FILMS, "test", COMMIT)]
    assert (folder / FILMS_TEST).read_bytes() == whole
    assert list(entries(folder)) == FILES


def test_a_file_of_another_revision_is_fetched_again(fetch, folder, the_hub):
    fetch()
    content = manifest(folder)
    content["datasets"][1]["revision"] = "0" * 40
    (folder / "MANIFEST.json").write_text(json.dumps(content), encoding="utf-8")
    assert "1 fetched, 3 there already" in fetch().out
    assert entries(folder)[FILMS_TEST]["revision"] == COMMIT


def make_partial(folder):
    content = manifest(folder)
    (entry,) = (entry for entry in content["datasets"] if entry["file"] == FILMS_TEST)
    entry["partial"] = True
    (folder / "MANIFEST.json").write_text(json.dumps(content), encoding="utf-8")


def test_a_sample_stays_unless_forced(fetch, folder, the_hub):
    fetch()
    make_partial(folder)
    before = (folder / "MANIFEST.json").read_bytes()
    done = fetch()
    assert done.code == 0
    assert f"{FILMS_TEST}: is a sample, and stays; --force" in done.err
    assert "3 there already, 1 kept, being a sample" in done.out
    assert (folder / "MANIFEST.json").read_bytes() == before
    assert films("test").load(folder).partial
    assert "1 fetched" in fetch("--set", "test", "--force").out
    assert not films("test").load(folder).partial


def test_a_damaged_sample_is_named_and_left(fetch, folder, the_hub):
    fetch()
    make_partial(folder)
    (folder / FILMS_TEST).write_bytes(b"mine")
    done = fetch()
    assert done.code == 1
    assert re.search(rf"cannot be had: {FILMS_TEST}: .* sha256 is not the manifest's; --force", done.out)
    assert (folder / FILMS_TEST).read_bytes() == b"mine"


def test_entries_and_keys_of_others_are_kept(fetch, folder, the_hub):
    folder.mkdir()
    others = {
        "format": 1,
        "datasets": [{"file": "other/data/default/test.parquet", "partial": True, "note": "née"}],
        "nltk_data": [{"file": "nltk_data/words"}],
    }
    (folder / "MANIFEST.json").write_text(json.dumps(others), encoding="utf-8")
    assert fetch().code == 0
    assert manifest(folder)["nltk_data"] == others["nltk_data"]
    assert manifest(folder)["datasets"][0] == others["datasets"][0]
    assert list(entries(folder)) == ["other/data/default/test.parquet", *FILES]


def test_what_cannot_be_had_is_named_and_the_rest_goes_on(fetch, folder, the_hub):
    whole = the_hub.tables[FILMS, "default", "test"]
    the_hub.tables[FILMS, "default", "test"] = ValueError("Unknown split\nand more")
    done = fetch()
    assert done.code == 1
    assert "3 fetched, 1 cannot be had" in done.out
    assert f"cannot be had: {FILMS_TEST}: " in done.out
    assert "(Unknown split)" in done.out
    assert "made-up/test, made-up/same" in done.out
    assert FILMS_TEST not in files(folder)
    assert FILMS_TEST not in entries(folder)
    the_hub.tables[FILMS, "default", "test"] = whole
    assert "1 fetched, 3 there already" in fetch().out


def test_a_copy_of_another_revision_in_the_cache_is_refused(fetch, the_hub, monkeypatch):
    def from_cache(dataset, config, *, split, revision):
        table = the_hub.tables[dataset, config, split]
        table.info.download_checksums = {f"hf://datasets/{dataset}@{'0' * 40}/data.parquet": {}}
        return table

    monkeypatch.setattr(datasets, "load_dataset", from_cache)
    done = fetch("--set", "test")
    assert done.code == 1
    assert f"not of revision {COMMIT}" in done.out


def test_a_set_that_only_mirrors_hold_is_not_asked_for(roast_bench, folder, the_hub):
    made_up = films("test")

    @register_task("mirrored")
    def mirrored():
        source = HubSource(dataset="made/own", config="all", split="test", text="text", only_in_mirror="it is our own")
        card = {**CARD, "role": Role.IN_DISTRIBUTION}
        return Task(
            name="mirrored",
            summary="Made up.",
            family="sentiment",
            labels=("no", "yes"),
            training=source,
            training_origin="made up",
            in_distribution_test="test",
            evaluation_sets=(EvaluationSet(name="test", source=made_up, **card),),
        )

    done = roast_bench("data", "fetch", "--task", "mirrored", "--mirror", folder)
    assert done.code == 1
    assert "made/own/all/test.parquet: it is our own; copy the file" in done.out
    assert the_hub.asked == [(FILMS, "test", COMMIT)]


def test_after_an_interruption_the_next_fetch_goes_on(fetch, folder, the_hub):
    whole = the_hub.tables[NEWS, "plain_text", "test"]
    the_hub.tables[NEWS, "plain_text", "test"] = KeyboardInterrupt()
    assert fetch().code == 130
    assert files(folder) == sorted(["MANIFEST.json", FILMS_TRAIN, FILMS_TEST])
    assert list(entries(folder)) == [FILMS_TRAIN, FILMS_TEST]
    the_hub.tables[NEWS, "plain_text", "test"] = whole
    the_hub.asked.clear()
    assert fetch().code == 0
    assert [dataset for dataset, *_ in the_hub.asked] == [NEWS, TALK]


def test_a_file_that_an_interruption_left_unlisted_is_fetched_again(fetch, folder, the_hub):
    (folder / FILMS_TEST).parent.mkdir(parents=True)
    (folder / FILMS_TEST).write_bytes(b"half a file")
    assert "4 fetched" in fetch().out
    assert len(films("test").load(folder).examples) == 4


def test_a_folder_that_cannot_be_written(fetch, folder, the_hub, monkeypatch):
    def replace(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    done = fetch()
    assert done.code == 2
    assert done.err.strip().endswith(f"{FILMS_TRAIN} cannot be written (No space left on device).")
    assert files(folder) == []


def test_without_a_hub_it_says_so_at_once(fetch, folder, monkeypatch):
    monkeypatch.setattr(hub, "hub_answers", lambda: False)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("it was tried"))
    assert_one_line(fetch(), "the hub does not answer", "4 of 4 files", FILMS_TRAIN)
    assert not folder.exists()


def test_only_the_named_sets(fetch, folder, the_hub):
    assert fetch("--set", "news", "--set", "training").code == 0
    assert [dataset for dataset, *_ in the_hub.asked] == [FILMS, NEWS]
    assert list(entries(folder)) == [FILMS_TRAIN, NEWS_TEST]


def test_a_task_without_hub_data(roast_bench, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "hub_answers", lambda: pytest.fail("the hub was looked for"))
    done = roast_bench("data", "fetch", "--task", "reviews", "--mirror", tmp_path / "mirror")
    assert done.code == 0
    assert "nothing to fetch" in done.out
    assert list(tmp_path.iterdir()) == []


def add_task(name, source):
    @register_task(name)
    def declare():
        return Task(
            name=name,
            summary="Made up.",
            family="sentiment",
            labels=("no", "yes"),
            training=source,
            training_origin="made up",
            in_distribution_test="test",
            evaluation_sets=(EvaluationSet(name="test", role=Role.IN_DISTRIBUTION, source=films("test"), **CARD),),
        )


def test_one_file_at_two_revisions(roast_bench, folder, the_hub):
    other = HubSource(dataset=FILMS, config="default", split="test", revision="1" * 40, text="sentence")
    add_task("other", other)
    done = roast_bench("data", "fetch", "--task", "made-up,other", "--mirror", folder)
    assert_one_line(done, f"other/training wants {FILMS_TEST} at revision 1111", "made-up/test", COMMIT)
    assert the_hub.asked == []


def test_a_pinned_revision_goes_before_none(roast_bench, folder, the_hub):
    add_task("other", HubSource(dataset=FILMS, config="default", split="test", text="sentence"))
    assert roast_bench("data", "fetch", "--task", "other,made-up", "--mirror", folder, "--set", "test").code == 0
    assert roast_bench("data", "fetch", "--task", "other", "--mirror", folder).code == 0
    assert the_hub.asked == [(FILMS, "test", COMMIT)]


def test_a_name_that_leads_out_of_the_mirror(roast_bench, folder, the_hub):
    add_task("other", HubSource(dataset="../../made", config="default", split="test", text="sentence"))
    done = roast_bench("data", "fetch", "--task", "other", "--mirror", folder)
    assert_one_line(done, "other/training", "'../../made/default/test.parquet' is no path inside a mirror")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("{", ["cannot be read", "line 1"]),
        ("[]", ["no list 'datasets'"]),
        ('{"format": 2, "datasets": []}', ["format 2", "reads 1"]),
        ('{"format": 1, "datasets": [{"file": "a/b.parquet"}]}', ["entry 1, partial", "required"]),
        ('{"format": 1, "datasets": [{"file": "../b", "partial": true}]}', ["entry 1", "'../b'", "inside"]),
        ('{"format": 1, "datasets": [{"file": "b", "partial": true}, {"file": "b", "partial": true}]}', ["twice"]),
    ],
    ids=["no JSON", "a list", "another format", "lacks a key", "leads out", "listed twice"],
)
def test_a_manifest_that_cannot_be_used(content, parts, fetch, folder, the_hub):
    folder.mkdir()
    (folder / "MANIFEST.json").write_text(content, encoding="utf-8")
    assert_one_line(fetch(), str(folder / "MANIFEST.json"), *parts)
    assert the_hub.asked == []
    assert (folder / "MANIFEST.json").read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--set", "tset"], ["unknown set 'tset'", "did you mean 'test'?"]),
        (["--task", "made"], ["unknown task 'made'", "did you mean 'made-up'?"]),
        (["--mirror", __file__], ["--mirror", "is not a folder"]),
        (["--set", ""], ["--set", "at least one"]),
    ],
)
def test_mistakes(arguments, parts, fetch, folder):
    assert_one_line(fetch(*arguments), *parts)
    assert not folder.exists()


def test_no_mirror_named(roast_bench, monkeypatch):
    monkeypatch.delenv("ROAST_BENCH_MIRROR", raising=False)
    assert_one_line(roast_bench("data", "fetch", "--task", "made-up"), "--mirror")
