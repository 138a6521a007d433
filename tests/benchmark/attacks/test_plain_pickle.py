"""Pickles that attacks read hold plain values, and run nothing."""

from __future__ import annotations

import os
import pickle
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
from test_recipes_with_stand_ins import WORDS, write_word_vectors

from benchmark.attacks.counter_fitted import SHARED, load_counter_fitted
from benchmark.attacks.model_files import ENTITY_TAGGER, STSB_DISTILBERT, _without_code_of_its_own
from benchmark.attacks.nltk_data import TAGGER
from benchmark.attacks.plain_pickle import NotPlainError, load_plain_pickle
from benchmark.attacks.resources import NotThere
from benchmark.attacks.textattack_offline import import_textattack
from benchmark.environment import UNPICKLE_TAGGERS_VARIABLE
from benchmark.errors import UserError


class RunsCode:
    """Unpickled, it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


PLAIN_VALUES = [
    {"good": 0, "bad": 1},
    defaultdict(dict, {1: {2: 0.5}}),
    defaultdict(float),
    OrderedDict(a=[1, (2.5, None, True)]),
    pytest.param({"a", "b"}, id="set"),
    b"bytes",
    np.float32(0.25),
    {1: np.float64(0.5)},
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", PLAIN_VALUES, ids=repr)
def test_plain_values_come_back(value: object, protocol: int, tmp_path: Path) -> None:
    (tmp_path / "a.p").write_bytes(pickle.dumps(value, protocol))
    found = load_plain_pickle(tmp_path / "a.p")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_come_back(protocol: int, tmp_path: Path) -> None:
    array = np.arange(6.0).reshape(2, 3)
    (tmp_path / "a.p").write_bytes(pickle.dumps({"array": array}, protocol))
    np.testing.assert_array_equal(load_plain_pickle(tmp_path / "a.p")["array"], array)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_does_not_run(protocol: int, tmp_path: Path) -> None:
    content = pickle.dumps({"words": [RunsCode(tmp_path / "ran")]}, protocol)
    (tmp_path / "a.p").write_bytes(content)
    with pytest.raises(NotPlainError, match=r"a\.p: its pickle names (posix|nt|os)\.mkdir"):
        load_plain_pickle(tmp_path / "a.p")
    assert not (tmp_path / "ran").exists()
    pickle.loads(content)
    assert (tmp_path / "ran").exists(), "the pickle does run code where it is not prevented"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps(list(range(100)))[:-9],
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\ngetattr\n.",
        b"\x80\x04\x82\x01.",  # a number of copyreg's table in the place of a name
        b"Pid\n.",  # a value that somebody else keeps
    ],
)
def test_what_is_no_plain_pickle_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.p").write_bytes(content)
    with pytest.raises(NotPlainError, match=r"a\.p: "):
        load_plain_pickle(tmp_path / "a.p")


def test_a_name_of_an_imported_module_is_refused(tmp_path: Path) -> None:
    """`find_class` would find a dotted name below an allowed module."""
    name = b"ndarray.__class__"
    (tmp_path / "a.p").write_bytes(b"\x80\x04\x8c\x05numpy\x8c" + bytes([len(name)]) + name + b"\x93.")
    with pytest.raises(NotPlainError, match=r"numpy\.ndarray\.__class__"):
        load_plain_pickle(tmp_path / "a.p")


@pytest.fixture
def vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(import_textattack().shared.utils, "GLOBAL_OBJECTS", {})
    write_word_vectors(tmp_path / "paragramcf")
    return tmp_path / "paragramcf"


def test_vectors_are_those_that_textattack_would_load(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    textattack = import_textattack()
    ours = load_counter_fitted(vectors)
    assert textattack.shared.WordEmbedding.counterfitted_GLOVE_embedding() is ours
    assert load_counter_fitted(vectors) is ours
    textattack.shared.utils.GLOBAL_OBJECTS.pop(SHARED)
    monkeypatch.setattr(textattack.shared.utils, "download_from_s3", lambda _: str(vectors))
    theirs = textattack.shared.WordEmbedding.counterfitted_GLOVE_embedding()
    assert theirs is not ours
    for word in WORDS:
        np.testing.assert_array_equal(ours[word], theirs[word])
        row = ours.word2index(word)
        np.testing.assert_array_equal(ours.nearest_neighbours(row, 3), theirs.nearest_neighbours(row, 3))
    assert ours.get_cos_sim(0, 5) == theirs.get_cos_sim(0, 5)


@pytest.mark.parametrize("name", ["wordlist.pickle", "mse_dist.p", "cos_sim.p", "paragram.npy", "nn.npy"])
def test_no_file_of_the_vectors_runs_code(name: str, vectors: Path, tmp_path: Path) -> None:
    hostile = RunsCode(tmp_path / "ran")
    if name.endswith(".npy"):
        np.save(vectors / name, np.array([hostile], object), allow_pickle=True)
    else:
        (vectors / name).write_bytes(pickle.dumps(hostile))
    with pytest.raises(UserError, match="fetch them again") as caught:
        load_counter_fitted(vectors)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_flairs_taggers_are_loaded_only_where_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAIR_CACHE_ROOT", str(tmp_path))
    if "flair" in sys.modules:
        monkeypatch.setattr(sys.modules["flair"], "cache_root", tmp_path)
    repository = tmp_path / "models" / "ner-english" / "models--flair--ner-english"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (repository / "snapshots" / ("0" * 40) / "pytorch_model.bin").write_bytes(b"")
    monkeypatch.delenv(UNPICKLE_TAGGERS_VARIABLE, raising=False)
    missing = ENTITY_TAGGER.missing()
    assert missing is not None
    assert "can run code" in missing.reason
    assert "--unpickle-taggers" in missing.remedy
    monkeypatch.setenv(UNPICKLE_TAGGERS_VARIABLE, "1")
    assert ENTITY_TAGGER.missing() is None


def test_an_encoder_with_parts_of_its_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text('[{"type": "sentence_transformers.models.Transformer"}]')
    assert _without_code_of_its_own(tmp_path) == tmp_path
    for content in ('[{"type": "mine.Encoder"}]', "{}", "[1]", "[" * 999, ""):
        (tmp_path / "modules.json").write_text(content)
        if content == "{}":
            continue
        with pytest.raises(NotThere):
            _without_code_of_its_own(tmp_path)
    assert STSB_DISTILBERT.find() is None or STSB_DISTILBERT.find() != tmp_path


def test_an_nltk_that_unpickles_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    monkeypatch.setattr(importlib.metadata, "version", lambda _: "3.8.1")
    missing = TAGGER.missing()
    assert missing is not None
    assert "NLTK 3.8.1" in missing.reason
