"""What input of others may never do, as properties: of records, suites, names, and the other files that are read.

Each property takes one input that hypothesis made. `tests/benchmark/test_hostile_input.py` tries few, `fuzz.py` many.
"""

from __future__ import annotations

import copy
import csv
import importlib
import io
import json
import os
import re
import shutil
import sys
import time
import traceback
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import strategies as st

RECORDS = Path(__file__).parents[2] / "leaderboard" / "results"

CELL = Path("reviews/minilm/vanilla/seed-0-a7a28a2f1d1d")
"""A published cell, in the folder that it must lie in."""

SUBMITTED = "submitted" / CELL / "record.json"

FORMATS = "markdown,csv,latex,json,html,svg"

LATEX = (
    "input",
    "include",
    "write",
    "openin",
    "read",
    "immediate",
    "csname",
    "def",
    "catcode",
    "href",
    "url",
    "special",
)
"""Commands that are in no leaderboard and could do harm."""

LIMIT = 5.0
"""Seconds of processor time that one command may take."""

HOSTILE = [
    *["", " ", ".", "..", "-", "--help", "-rf", "~", "CON", "nul.txt", ".hidden", "a/b", "a\\b", "$(id)", "`id`"],
    *["../../outside", "/nowhere/outside", "logits/../../../outside", "C:\\outside", "file:///nowhere", "a" * 300],
    *["x" * 5000, "\x1b[2J\x1b]0;title\x07", "\x9b31m", "\u202egnp.exe", "\u2066a\u2069", "a\r\nroast-bench: all good"],
    *[
        "=HYPERLINK(1)",
        "+1",
        "@SUM(1)",
        "-1",
        "|cell|",
        "<script>alert(1)</script>",
        "![](x)",
        "[a](b)",
        "$x^2$",
        "\\input{/etc/passwd}",
        "}\\write18{id}",
        "<img src=x onerror=alert(1)>",
        '"><svg onload=alert(1)>',
        "]]>",
    ],
    *["\ufeff", "\u2028", "\uffff", "\U0010ffff", "\u0301" * 40, "NaN", "1e999", "9" * 5000, "[" * 3000, "{}", "null"],
]
"""Texts that have been trouble somewhere."""

texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
numbers = st.one_of(st.integers(), st.just(10**400), st.floats(), st.sampled_from([0, -1, 2**63, 1e308]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


# What is watched while a command runs.


class _Writes:
    """Every file that this process opens to write, makes, renames or removes while it is watched."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        sys.addaudithook(self._heed)

    def _heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.paths is None:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                self._note(path)
        elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"):
            self._note(arguments[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            self._note(arguments[0] if event == "os.rename" else arguments[1])
            self._note(arguments[1])

    def _note(self, path: object) -> None:
        assert self.paths is not None
        if isinstance(path, str | bytes | os.PathLike):
            self.paths.append(os.path.abspath(os.fsdecode(path)))


_writes = _Writes()


@contextmanager
def nothing_written_outside(folder: Path) -> Iterator[None]:
    """Within the block, files are written below the folder alone, also where links lead.

    Python's own cache of the modules that the first examples import is not written meanwhile: it is no doing of theirs.
    """
    root = os.path.realpath(folder)
    caching, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _writes.paths = []
    try:
        yield
    finally:
        paths, _writes.paths = _writes.paths, None
        sys.dont_write_bytecode = caching
    for path in paths:
        place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        assert place == os.devnull or os.path.commonpath([root, place]) == root, f"written outside: {path!r}"


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: object
    out: str
    err: str
    seconds: float
    trace: str


def command(*words: str) -> Done:
    """Run the command line in this process."""
    from benchmark.command_line import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    code: object = None
    trace = ""
    started = time.process_time()
    with mock.patch.multiple(sys, argv=["roast-bench", *words], stdout=out, stderr=err):
        try:
            main()
        except SystemExit as left:
            code = left.code
        except BaseException:
            trace = traceback.format_exc()
    seconds = time.process_time() - started
    for stream in (out, err):
        stream.flush()
    said = [stream.buffer.getvalue().decode("utf-8") for stream in (out, err)]  # type: ignore[attr-defined]
    return Done(code, said[0], said[1], seconds, trace)


def check_done(done: Done) -> None:
    """Exit code 0, 1 or 2; one line where it is 2; nothing that a terminal would take for more than text."""
    assert not done.trace, done.trace
    assert done.code in (0, 1, 2), done
    assert "Traceback" not in done.err, done.err
    assert done.seconds < LIMIT, done
    for line in (done.out + done.err).split("\n"):
        assert all(unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in line), line
    if done.code == 2:
        errors = [line for line in done.err.split("\n") if line and not line.startswith("  ")]
        assert errors, done
        assert all(line.startswith("roast-bench: ") for line in errors), done.err
        assert all(len(line) < 3000 for line in errors)


# Records.


def valid_record(folder: Path) -> dict[str, Any]:
    """A published record, with small files of logits beside where it will be."""
    from benchmark.stored_logits import store_logits

    path = sorted(RECORDS.rglob("record.json"))[0]
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    generator = np.random.default_rng(0)
    for item in content["evaluation_sets"].values():
        labels = None if item["role"] == "anomaly" else tuple(int(label) for label in generator.integers(0, 2, 12))
        logits = generator.normal(size=(12, 2)).astype(np.float32)
        item["rows"] = 12
        item["logits_sha256"] = store_logits(folder / item["logits"], logits, labels)
    content.pop("checksum", None)
    return content


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*place, key))


@st.composite
def changed_records(draw: st.DrawFn, valid: dict[str, Any]) -> bytes:
    """A valid record with a few values changed, keys added or taken away, sealed again or not."""
    from leaderboard.checksum import with_checksum

    content = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(content))
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        inside = content
        for key in way:
            inside = inside[key]
        match draw(st.sampled_from(["change", "change", "text", "remove", "add"])):
            case "change":
                inside[last] = draw(values)
            case "text":
                inside[last] = draw(texts)
            case "remove":
                del inside[last]
            case "add" if isinstance(inside, dict):
                inside[draw(texts)] = inside[last] if draw(st.booleans()) else draw(values)
    if draw(st.booleans()):
        try:
            return with_checksum(content)
        except ValueError:  # no JSON: a huge number
            pass
    return _damaged(draw, json.dumps(content).encode())


def _damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes as they are, or cut off, or with others in them."""
    match draw(st.sampled_from(["whole", "whole", "whole", "cut", "put in", "before"])):
        case "cut":
            return content[: draw(st.integers(0, len(content)))]
        case "put in":
            at = draw(st.integers(0, len(content)))
            return content[:at] + draw(st.one_of(st.binary(max_size=9), st.sampled_from(ODD_BYTES))) + content[at:]
        case "before":
            return draw(st.sampled_from(ODD_BYTES)) + content
    return content


ODD_BYTES = [
    *[b"\xef\xbb\xbf", b"\x00", b"\xff\xfe", b"[" * 5000, b'{"a":' * 5000],
    *[b"\\ud800", b"\xed\xa0\x80", b"9" * 5000],
]
"""A mark of UTF-8, no character, a mark of UTF-16, depth, half a character escaped and not, a long number."""

any_json = values.map(lambda value: json.dumps(value).encode())
any_bytes = st.one_of(st.binary(max_size=200), st.sampled_from(ODD_BYTES), any_json)


def check_record(box: Path, content: bytes) -> None:
    """A folder with the record through `leaderboard` and `rescore`."""
    folder = box / "in" / "cell"
    (folder / "record.json").write_bytes(content)
    out = box / "out"
    shutil.rmtree(out, ignore_errors=True)
    with nothing_written_outside(out):
        done = command("leaderboard", str(box / "in"), "--out", str(out), "--format", FORMATS)
    check_done(done)
    if done.code == 0:
        check_rendered(out)
    with nothing_written_outside(box / "in"):
        check_done(command("rescore", str(box / "in"), "--json" if content[-1:] == b"\n" else "--dry-run"))


class _Elements(HTMLParser):
    """The elements of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.found.append((tag, dict(attrs)))


def check_page(page: str) -> None:
    """Its own two scripts and nothing else that runs or is loaded."""
    elements = _Elements(page).found
    assert [tag for tag, _ in elements].count("script") == 2
    assert {tag for tag, _ in elements}.isdisjoint({"iframe", "object", "embed", "form", "link", "base", "svg", "math"})
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        for name in ("src", "href"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:image/svg+xml;base64,")), (tag, attributes)


def check_latex(text: str) -> None:
    """Balanced braces, and no command that could do harm."""
    plain = re.sub(r"(?m)^%.*$", "", text)
    assert set(re.findall(r"\\([A-Za-z]+)", plain)).isdisjoint(LATEX)
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", plain):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


def check_rendered(out: Path) -> None:
    """Nothing in the leaderboard's files is more than text."""
    check_page((out / "leaderboard.html").read_text(encoding="utf-8"))
    check_latex((out / "leaderboard.tex").read_text(encoding="utf-8"))
    assert (out / "leaderboard.json").read_bytes().isascii()
    for picture in out.glob("pictures/*.svg"):
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(picture).iter()}
        assert tags.isdisjoint({"script", "a", "foreignObject", "image", "text"}), tags
    markdown = (out / "LEADERBOARD.md").read_text(encoding="utf-8")
    assert all(unicodedata.category(letter) not in ("Cc", "Cf", "Cs") for letter in markdown.replace("\n", ""))
    assert not re.search(r"<(?!br>)[a-z/!]", markdown, re.IGNORECASE), markdown
    links = re.findall(r"(?<!\\)\]\(([^)]*)\)", markdown)
    assert all(re.fullmatch(r"pictures/[a-z0-9-]+\.svg", link) for link in links), links
    with (out / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            for cell in row:
                number = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell)
                assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
                assert cell.isprintable() or all(unicodedata.category(letter) != "Cc" for letter in cell), cell


# Submissions.


def check_submission(box: Path, content: bytes) -> None:
    """A record of others through `submit check`, which writes nothing and refuses in lines."""
    (box / SUBMITTED).write_bytes(content)
    with nothing_written_outside(box / "nothing"):
        check_done(command("submit", "check", str(box / "submitted"), "--without-logits"))


# Suites.

SUITE = """name = "mine"
tasks = ["reviews"]
backbones = ["minilm"]
methods = ["vanilla", "roast"]
seeds = [0, 1]
[training]
epochs = 1
learning_rate = 1e-5
[evaluation]
evaluation_size = 10
[[attacks]]
recipe = "deepwordbug"
examples = 5
[hyper_parameters.roast]
alpha = 0.6
"""

_toml_values = st.one_of(
    texts.map(json.dumps), numbers.map(str), st.sampled_from(["[]", "{}", "true", "2020-01-01", "nan", "[[1]]", "'''"])
)


@st.composite
def changed_suites(draw: st.DrawFn) -> bytes:
    """A valid suite with some values changed, lines doubled or put in, and damage."""
    lines = SUITE.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "value", "value", "item", "double", "line", "deep"])):
            case "value" if "=" in lines[at]:
                lines[at] = f"{lines[at].partition('=')[0]}= {draw(_toml_values)}"
            case "item" if "=" in lines[at]:
                lines[at] = f"{lines[at].partition('=')[0]}= [{draw(_toml_values)}]"
            case "double":
                lines.insert(at, lines[at])
            case "line":
                lines.insert(at, f"{json.dumps(draw(texts))} = {draw(_toml_values)}")
            case "deep":
                lines.insert(at, draw(st.sampled_from([".".join("a" * 3000) + "=1", "a=" + "[" * 3000, "[a.b.c]"])))
    return _damaged(draw, "\n".join(lines).encode("utf-8", "surrogatepass"))


def check_suite(box: Path, content: bytes) -> None:
    """A suite's file through `run`, up to where the first cell would begin."""
    path = box / "suite.toml"
    path.write_bytes(content)
    with _nothing_is_trained(), nothing_written_outside(box / "out"):
        check_done(command("run", str(path), "--out", str(box / "out")))


@contextmanager
def _nothing_is_trained() -> Iterator[None]:
    """Some names are those of what there is, a method's to check too: hypothesis takes words from the sources."""
    from benchmark import run
    from benchmark.errors import UserError
    from methods import conformance

    def refuse(*_: Any, **__: Any) -> None:
        raise UserError("here training would begin")

    with mock.patch.object(run, "run_cells", refuse), mock.patch.object(conformance, "check_method", refuse):
        yield


# Names and values on the command line.

COMMANDS = [
    ["run", "?"],
    ["run", "quickstart", "--task", "?"],
    ["run", "quickstart", "--method", "?"],
    ["run", "quickstart", "--backbone", "?"],
    ["run", "quickstart", "--seeds", "?"],
    ["run", "quickstart", "--attack", "?"],
    ["run", "quickstart", "--attack-set", "?"],
    ["run", "quickstart", "--set", "?"],
    ["run", "quickstart", "--set", "roast.alpha=?"],
    ["run", "quickstart", "--eval-set", "?"],
    ["run", "quickstart", "--eval-set", "mine=?:shift"],
    ["run", "quickstart", "--transfer-sets", "?"],
    ["run", "quickstart", "--mirror", "?"],
    ["run", "quickstart", "--plugin", "?"],
    ["run", "quickstart", "--projection", "?"],
    ["evaluate", "?", "--task", "reviews"],
    ["evaluate", "MODEL", "--task", "reviews", "--name", "?", "--labels", "?"],
    ["evaluate", "MODEL", "--task", "?"],
    ["attack", "?", "--task", "reviews", "--attack", "deepwordbug:1", "--save-set", "?"],
    ["attack", "MODEL", "--task", "reviews", "--attack", "?"],
    ["leaderboard", "?x"],
    ["rescore", "?x"],
    ["describe", "?"],
    ["list", "?"],
    ["check-method", "?"],
    ["data", "show", "?"],
    ["data", "check", "--task", "?", "--mirror", "MODEL"],
    ["?"],
]
"""A question mark is filled in; MODEL is a folder that is no model."""

_argument = st.one_of(
    st.sampled_from([text for text in HOSTILE if "\0" not in text]),
    # A system hands on what it cannot read as text in the form of these halves of characters.
    st.text(st.one_of(st.characters(exclude_characters="\0"), st.sampled_from("\udc80\udcff")), max_size=20),
)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with something in the place of a name."""
    return [word.replace("?", draw(_argument)) if "?" in word else word for word in draw(st.sampled_from(COMMANDS))]


def check_command_line(box: Path, words: list[str]) -> None:
    """A command with a hostile name."""
    model = box / "model"
    model.mkdir(exist_ok=True)
    words = [str(model) if word == "MODEL" else word for word in words]
    if words[0] in ("run", "evaluate", "attack"):
        words = [*words, "--out", str(box / "out")]
    with _nothing_is_trained(), nothing_written_outside(box / "out"):
        check_done(command(*words))


def check_path_component(box: Path, name: str) -> None:
    """A name as a folder's."""
    from benchmark.path_component import LONGEST, RESERVED, path_component

    component = path_component(name, "nameless")
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?<!\.)", component), component
    assert len(component) <= LONGEST + 1
    assert not RESERVED.fullmatch(component)
    assert (box / component).parent == box


def check_path_inside(box: Path, name: str) -> None:
    """A name that a record gives to a file beside it."""
    from benchmark.path_inside import path_inside

    link = box / "link"
    if not link.is_symlink():
        link.symlink_to(box.parent)
    for given in (name, f"logits/{name}", f"link/{name}", f"{name}/../x"):
        found = path_inside(box, given)
        assert found is None or os.path.realpath(found).startswith(os.path.realpath(box) + os.sep), given


# The other files that are read.


def check_table(box: Path, content: tuple[str, bytes]) -> None:
    """A file of a user's texts, of any format."""
    from tasks import DataError, FileSource

    ending, data = content
    path = box / f"mine{ending}"
    path.write_bytes(data)
    with suppress(DataError):
        loaded = FileSource(path=path, labels=("negative", "positive")).load(None)
        for texts_of_column in loaded.examples.columns():
            "".join(texts_of_column).encode("utf-8")


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, bytes]:
    """Rows of texts and labels, and damage."""
    ending = draw(st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet"]))
    rows = [{"text": draw(values), "label": draw(values)} for _ in range(draw(st.integers(0, 3)))]
    if ending == ".jsonl":
        content = "\n".join(map(json.dumps, rows)).encode()
    else:
        between = "\t" if ending == ".tsv" else ","
        lines = [between.join(("text", "label")), *(between.join(map(str, row.values())) for row in rows)]
        content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return ending, _damaged(draw, content)


def check_own_files(box: Path, content: bytes) -> None:
    """A mirror's manifest, an attack's result and journal, and the description of a model."""
    from benchmark.attacks.journal import Journal, sealed
    from benchmark.backbones import in_folder
    from benchmark.checkpoint_attack import RESULT_FILE, _earlier_result
    from benchmark.data.check_mirror import check_mirror
    from benchmark.errors import UserError
    from benchmark.trust import Trust
    from tasks import DataError
    from tasks.mirror import MANIFEST, mirror_table

    (box / "data.parquet").write_bytes(content)
    for name in (MANIFEST, RESULT_FILE, "config.json", "model.safetensors.index.json"):
        (box / name).write_bytes(content)
    journal = box / "a.partial.jsonl"
    fresh = Journal(journal, "inputs")
    journal.write_bytes(fresh._header + sealed(content))
    assert all(isinstance(example.queries, int) for example in Journal(journal, "inputs").finished)
    check_mirror(box)
    for read in (
        lambda: mirror_table(box, "data.parquet", ["text"]),
        lambda: _earlier_result(box),
        lambda: in_folder("backbone", box, Trust(pickled_weights=True)),
    ):
        with suppress(DataError, UserError):
            read()


def check_pickle(box: Path, content: bytes) -> None:
    """A pickle of word vectors: plain values, or one line."""
    from benchmark.attacks.plain_pickle import NotPlainError, load_plain_pickle

    path = box / "words.pickle"
    path.write_bytes(content)
    with suppress(NotPlainError):
        load_plain_pickle(path)


@dataclass(frozen=True)
class Property:
    """What hypothesis tries, and what must hold of it."""

    what: str
    """In words, for a table."""
    inputs: st.SearchStrategy[Any]
    check: Callable[[Path, Any], None]
    few: int
    """Examples in the test suite."""
    many: int
    """Examples of a soak."""


_valid: dict[str, Any] = {}
"""A valid record, once one was prepared; strategies look at it when they are asked for an example."""

_published: dict[str, Any] = {}
"""A published record, once submissions were prepared."""

records = st.deferred(lambda: st.one_of(changed_records(_valid), changed_records(_valid), any_bytes))

submissions = st.deferred(lambda: st.one_of(changed_records(_published), changed_records(_published), any_bytes))

PROPERTIES = {
    "records": Property("records through leaderboard and rescore", records, check_record, 20, 400),
    "submissions": Property("records through submit check", submissions, check_submission, 30, 1000),
    "suites": Property("suites through run", changed_suites(), check_suite, 25, 300),
    "command-lines": Property("names on the command line", command_lines(), check_command_line, 40, 400),
    "path-components": Property("names as folders", texts, check_path_component, 100, 2000),
    "paths-inside": Property("files that a record names", texts, check_path_inside, 50, 1000),
    "tables": Property("files of a user's texts", tables(), check_table, 40, 1000),
    "own-files": Property("manifests, results, journals, configurations", any_bytes, check_own_files, 40, 1000),
    "pickles": Property("pickles of word vectors", st.binary(max_size=300), check_pickle, 100, 2000),
}


def prepare(name: str, box: Path) -> None:
    """Put into a property's folder what it needs there; its imports are through afterwards, so that none is timed."""
    for module in (
        "benchmark.checkpoint_evaluation",
        "benchmark.rescoring",
        "benchmark.run",
        "leaderboard.write",
        "methods.conformance",
    ):
        importlib.import_module(module)

    if name == "records":
        cell = box / "in" / "cell"
        cell.mkdir(parents=True)
        _valid.update(valid_record(cell))
        (cell / "record.json").write_text(json.dumps(_valid), encoding="utf-8")
        command("leaderboard", str(box / "in"), "--out", str(box / "out"), "--format", FORMATS)
        command("rescore", str(box / "in"), "--dry-run")
    if name == "submissions":
        _published.update(json.loads((RECORDS / "quickstart" / CELL / "record.json").read_bytes()))
        (box / SUBMITTED).parent.mkdir(parents=True)
        (box / SUBMITTED).write_text(json.dumps(_published), encoding="utf-8")
        command("submit", "check", str(box / "submitted"), "--without-logits")
