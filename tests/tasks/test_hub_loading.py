from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest

from tasks import DataError, HubSource, Unavailable, hub
from tasks.hub_source import hub_origin

REVISION = "8d51e7e4887a4caaa95b3fbebbf53c0490b58bbb"
SST2 = HubSource(
    dataset="stanfordnlp/sst2",
    config="default",
    split="validation",
    revision=REVISION,
    text="sentence",
    label="label",
    labels={"negative": 0, "positive": 1},
    left_out=(-1,),
    mirror_config="only in mirrors",
)


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "hub_answers", lambda: True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)


Stub = Callable[[object], list[tuple[tuple[Any, ...], dict[str, Any]]]]


@pytest.fixture
def hub_gives(monkeypatch: pytest.MonkeyPatch) -> Stub:
    """Replaces `datasets.load_dataset`; returns the list of its calls."""

    def install(answer: object) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

        def load_dataset(*arguments: Any, **named: Any) -> object:
            calls.append((arguments, named))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        return calls

    return install


def sst2_rows(downloaded_from: str | None = None) -> datasets.Dataset:
    table = datasets.Dataset.from_dict(
        {"idx": [0, 1, 2], "sentence": ["bad ", "good ", "odd "], "label": [0, 1, -1]},
        features=datasets.Features(
            {
                "idx": datasets.Value("int32"),
                "sentence": datasets.Value("string"),
                "label": datasets.ClassLabel(names=["negative", "positive"]),
            }
        ),
    )
    if downloaded_from is not None:
        table.info.download_checksums = {downloaded_from: {"num_bytes": 1, "checksum": None}}
    return table


def refusal() -> str:
    with pytest.raises(DataError) as caught:
        SST2.load(None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_split_is_asked_for_at_its_pinned_revision(hub_gives: Stub) -> None:
    calls = hub_gives(sst2_rows())
    loaded = SST2.load(None)
    assert calls == [(("stanfordnlp/sst2", "default"), {"split": "validation", "revision": REVISION})]
    assert (loaded.examples.texts, loaded.examples.labels) == (("bad ", "good "), (0, 1))
    assert not loaded.partial


def test_a_mirror_takes_the_place_of_the_hub(hub_gives: Stub, tmp_path: Path) -> None:
    calls = hub_gives(sst2_rows())
    with pytest.raises(DataError, match="the mirror has no file"):
        SST2.load(tmp_path)
    assert calls == []


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach 'stanfordnlp/sst2' on the Hub\nand more lines"),
        datasets.exceptions.DatasetNotFoundError("Dataset 'stanfordnlp/sst2' doesn't exist on the Hub\nand more lines"),
        ValueError("BuilderConfig 'default' not found\nand more lines"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_the_hub_refuses(error: Exception, hub_gives: Stub) -> None:
    hub_gives(error)
    reason = str(error).splitlines()[0]
    assert refusal() == (
        f"stanfordnlp/sst2 (default, validation): cannot be loaded from the hub ({reason}); "
        "check the connection or name a mirror folder with --mirror."
    )


def test_a_loading_script_is_no_matter_of_the_connection(hub_gives: Stub) -> None:
    hub_gives(RuntimeError("Dataset scripts are no longer supported, but found sst2.py"))
    assert refusal() == (
        "stanfordnlp/sst2 (default, validation): cannot be loaded from the hub (Dataset scripts are no longer "
        "supported, but found sst2.py); name a mirror folder with --mirror."
    )


def test_what_only_a_mirror_has_is_not_asked_of_the_hub(hub_gives: Stub) -> None:
    calls = hub_gives(sst2_rows())
    with pytest.raises(Unavailable) as caught:
        replace(SST2, only_in_mirror="the hub never had it").load(None)
    assert str(caught.value) == (
        "stanfordnlp/sst2 (default, validation): the hub never had it; "
        "name a mirror folder that holds it with --mirror."
    )
    assert calls == []


def test_without_a_pinned_revision_the_newest_is_asked_for(hub_gives: Stub) -> None:
    calls = hub_gives(sst2_rows(f"hf://datasets/stanfordnlp/sst2@{'f' * 40}/data/validation.parquet"))
    loaded = replace(SST2, revision=None).load(None)
    assert calls == [(("stanfordnlp/sst2", "default"), {"split": "validation", "revision": None})]
    assert (len(loaded.examples), loaded.provenance) == (2, {})
    assert hub_origin(replace(SST2, revision=None)) == "stanfordnlp/sst2 (default, validation), revision not pinned"
    assert hub_origin(SST2) == f"stanfordnlp/sst2 (default, validation) at {REVISION[:12]}"


def test_a_label_name_that_the_hub_does_not_have(hub_gives: Stub) -> None:
    hub_gives(sst2_rows())
    with pytest.raises(DataError) as caught:
        replace(SST2, labels={"negativ": 0, "positive": 1}).load(None)
    assert str(caught.value) == (
        "stanfordnlp/sst2 (default, validation): column 'label' has no label 'negativ'; "
        "its labels are 'negative', 'positive'."
    )


def test_a_withheld_label_is_refused(hub_gives: Stub) -> None:
    hub_gives(sst2_rows())
    with pytest.raises(DataError, match=r"row 3, column 'label' has label -1; expected is one of 'negative', 'pos"):
        replace(SST2, left_out=()).load(None)


def test_a_field_of_a_translation(hub_gives: Stub) -> None:
    pairs = [{"de": "Haus", "en": "house"}, {"de": "Baum", "en": "tree"}]
    features = datasets.Features({"translation": datasets.Translation(languages=["de", "en"])})
    hub_gives(datasets.Dataset.from_dict({"translation": pairs}, features=features))
    wmt = HubSource(dataset="wmt/wmt16", config="de-en", split="test", text="translation.en")
    assert wmt.load(None).examples.texts == ("house", "tree")


def test_an_error_without_words_is_named(hub_gives: Stub) -> None:
    hub_gives(ConnectionError())
    assert "cannot be loaded from the hub (ConnectionError)" in refusal()


def test_a_fault_of_ours_is_not_taken_for_the_hub_s(hub_gives: Stub) -> None:
    hub_gives(AttributeError("a slip"))
    with pytest.raises(AttributeError, match="a slip"):
        SST2.load(None)


def test_missing_column(hub_gives: Stub) -> None:
    hub_gives(sst2_rows().rename_column("sentence", "text"))
    assert refusal() == (
        "stanfordnlp/sst2 (default, validation): has no column 'sentence'; it has 'idx', 'text', 'label'."
    )


def test_downloads_of_the_pinned_revision_are_taken(hub_gives: Stub) -> None:
    hub_gives(sst2_rows(f"hf://datasets/stanfordnlp/sst2@{REVISION}/data/validation.parquet"))
    assert len(SST2.load(None).examples) == 2


def test_a_cached_copy_of_another_revision_is_refused(hub_gives: Stub) -> None:
    other = f"hf://datasets/stanfordnlp/sst2@{'f' * 40}/data/validation.parquet"
    hub_gives(sst2_rows(other))
    assert f"the copy in the cache is {other}, not of revision {REVISION}" in refusal()


def test_an_unreachable_hub_is_not_tried_for_each_data_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tried: list[object] = []

    def resolve(*arguments: object, **named: object) -> list[object]:
        tried.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(hub, "hub_answers", lambda: False)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    assert "cannot be loaded from the hub (Couldn't reach 'stanfordnlp/sst2' on the Hub" in refusal()
    assert tried == []


class Session:
    """Stands in for an HTTP session."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[str, float]] = []

    def head(self, address: str, timeout: float) -> object:
        self.asked.append((address, timeout))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(("answer", "expected"), [("any status", True), (ConnectionError("down"), False)])
def test_whether_the_hub_answers_is_asked_once(answer: object, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(answer)
    monkeypatch.undo()
    monkeypatch.setattr("huggingface_hub.utils.get_session", lambda: session)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.example")
    hub.hub_answers.cache_clear()
    try:
        assert [hub.hub_answers(), hub.hub_answers()] == [expected, expected]
    finally:
        hub.hub_answers.cache_clear()
    assert session.asked == [("https://hub.example", hub.PROBE_SECONDS)]


def test_offline_mode(tmp_path: Path) -> None:
    code = (
        "from tasks import DataError, HubSource\n"
        "try:\n"
        f"    HubSource(dataset='stanfordnlp/sst2', config='default', split='test', revision='{REVISION}',"
        " text='sentence').load(None)\n"
        "except DataError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith("stanfordnlp/sst2 (default, test): cannot be loaded from the hub (Couldn't reach ")
    assert line.endswith("; check the connection or name a mirror folder with --mirror.")
