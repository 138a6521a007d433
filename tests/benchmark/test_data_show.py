"""`roast-bench data show`: examples of a set, safe on a terminal, whole in JSON."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass

import pytest

from benchmark.printable import printable
from tasks import DataError, EvaluationSet, Examples, Projection, Role, Task, Unavailable, register_task
from tasks.sources import Loaded
from tasks.splits import sample

LONG = "word " * 400
CONTROLS = "\x1b[2Jred\x07\n\u202eback\x9b\ud800 fine ünïcode 👍"


@dataclass(frozen=True)
class Given:
    """A source that holds its texts, or fails."""

    examples: Examples | Exception
    partial: bool = False

    def load(self, mirror):
        if isinstance(self.examples, Exception):
            raise self.examples
        return Loaded(self.examples, self.partial)


MANY = Given(Examples(tuple(f"sentence {row}" for row in range(50)), labels=tuple(row % 2 for row in range(50))))
PAIRS = Given(Examples(("a man sleeps",), ("he is awake",), (1,)))


@pytest.fixture(autouse=True)
def no_mirror_by_default(monkeypatch):
    monkeypatch.delenv("ROAST_BENCH_MIRROR", raising=False)
    monkeypatch.delenv("ROAST_BENCH_TRANSFER_SETS", raising=False)


@pytest.fixture(autouse=True)
def two_tasks():
    def declare(name, **sets):
        cards = tuple(
            EvaluationSet(name=key, **({"role": Role.SHIFT, "origin": "made up: v1", "licence": "CC0"} | card))
            for key, card in sets.items()
        )
        made_up = Task(
            name=name,
            summary="Made up.",
            family="sentiment",
            labels=("negative", "positive"),
            training=MANY,
            training_origin=f"training of {name}",
            in_distribution_test="test",
            evaluation_sets=cards,
        )
        register_task(name)(lambda: made_up)

    test = {"role": Role.IN_DISTRIBUTION, "source": MANY}
    merged = Projection(labels=("any", "none"), groups=((0,), (1,)))
    declare(
        "first",
        test=test,
        same={"source": MANY},
        different={"source": MANY},
        odd={"source": Given(Examples((CONTROLS, LONG))), "role": Role.ANOMALY},
        pairs={"source": PAIRS, "projection": merged},
        wrong={"source": Given(Examples(("a",), labels=(7,)), partial=True)},
        gone={"source": Given(Unavailable("not made yet."))},
        broken={"source": Given(DataError("x.csv: row 3, column 'text' has no text."))},
    )
    declare("second", test=test, same={"source": MANY}, different={"source": MANY, "role": Role.ADVERSARIAL})


@pytest.fixture
def show(roast_bench):
    def invoke(*arguments):
        return roast_bench("data", "show", *arguments)

    return invoke


def refused(done, *parts):
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.strip().splitlines()
    for part in parts:
        assert part in line, line


def test_what_is_shown(show):
    done = show("test", "--task", "first", "--count", 2)
    head, tasks, origin, licence, *rest = done.out.splitlines()
    assert head == "test: in-distribution, 50 rows"
    assert tasks == "tasks:   first"
    assert (origin, licence) == ("origin:  made up: v1", "licence: CC0")
    chosen = sample(MANY.examples, 2, 0)
    names = ("negative", "positive")
    assert [line for line in rest if line] == [
        f"[{names[label]}] {text}" for text, label in zip(chosen.texts, chosen.labels, strict=True)
    ]


def test_count_and_seed(show):
    def texts(*arguments):
        return [item["text"] for item in json.loads(show("test", "--json", *arguments).out)["examples"]]

    assert len(texts()) == 5
    assert texts() == texts("--seed", 0) != texts("--seed", 1)
    assert set(texts("--count", 3)) < set(texts("--count", 10))
    assert texts("--count", 1000) == list(MANY.examples.texts)


def test_labels_of_a_projection_and_both_texts_of_a_pair(show):
    lines = show("pairs").out.splitlines()
    assert lines[-2:] == ["[none] a man sleeps", "    he is awake"]
    (example,) = json.loads(show("pairs", "--json").out)["examples"]
    assert example == {"label": "none", "text": "a man sleeps", "second_text": "he is awake"}


def test_controls_are_visible_and_long_texts_short_on_a_terminal(show):
    out = show("odd").out
    assert "␛[2Jred␇␊<U+202E>back<U+009B><U+D800> fine ünïcode 👍" in out
    assert f"… ({len(LONG):,} characters)" in out
    assert {unicodedata.category(character) for character in out.replace("\n", "")}.isdisjoint({"Cc", "Cf", "Cs"})
    assert max(map(len, out.splitlines())) < 400


def test_json_holds_the_whole_texts(show):
    done = show("odd", "--json")
    facts = json.loads(done.out)
    assert [item["text"] for item in facts["examples"]] == [CONTROLS, LONG]
    assert [item["label"] for item in facts["examples"]] == [None, None]
    assert {key: facts[key] for key in ("set", "tasks", "role", "origin", "licence", "rows", "partial")} == {
        "set": "odd",
        "tasks": ["first"],
        "role": "anomaly",
        "origin": "made up: v1",
        "licence": "CC0",
        "rows": 2,
        "partial": False,
    }
    assert done.out.isascii()


def test_a_label_out_of_range_and_a_sample(show):
    out = show("wrong").out
    assert "shift, 1 row, a sample" in out
    assert "[7, out of range] a" in out


def test_training_texts(show):
    done = show("training", "--task", "first")
    assert done.out.startswith("training: training, 50 rows\n")
    assert "origin:  training of first" in done.out
    assert "licence" not in done.out


def test_a_set_that_several_tasks_share(show):
    assert "tasks:   first, second" in show("same").out


def test_a_set_that_differs_between_tasks(show):
    refused(show("different"), "first (shift), second (adversarial)", "--task first")
    assert show("different", "--task", "second").out.startswith("different: adversarial")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["tset"], ["unknown set 'tset'", "did you mean 'test'?"]),
        (["odd", "--task", "second"], ["unknown set 'odd'", "there is: different, same, test, training."]),
        (["test", "--task", "thrid"], ["unknown task 'thrid'"]),
        (["gone"], ["first/gone: not made yet."]),
        (["broken"], ["first/broken: x.csv: row 3, column 'text' has no text."]),
        (["test", "--count", "0"], ["--count", "greater than or equal to 1"]),
        (["test", "--seed", "-1"], ["--seed", "greater than or equal to 0"]),
        (["test", "--mirror", "nowhere"], ["--mirror nowhere"]),
    ],
)
def test_mistakes(arguments, parts, show):
    refused(show(*arguments), *parts)


def test_a_plugin_s_task(show, plugin):
    done = show("odd", "--plugin", plugin, "--task", "tiny")
    assert "matrix tensor" in done.out
    assert "odd: anomaly, 3 rows" in done.out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain – ünïcode 漢字", "plain – ünïcode 漢字"),
        ("a\\nb\nc\td", "a\\nb␊c␉d"),
        ("\x00\x7f\x85\u2028\u200f\ufeff", "␀<U+007F><U+0085><U+2028><U+200F><U+FEFF>"),
    ],
)
def test_printable(text, expected):
    assert printable(text) == expected


def test_a_text_is_cut_only_beyond_the_limit():
    assert printable("abcd", 4) == "abcd"
    assert printable("abcde", 4) == "abcd… (5 characters)"
