"""The text of the HTML page; how it behaves in a browser has its own tests."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.layout import entries
from leaderboard.page import render_page
from leaderboard.record import AttackResult, EvaluatedSet, Record
from leaderboard.table import Leaderboard

RecordFactory = Callable[..., Record]

HOSTILE = "<script>hacked=1</script>\"'><img src=x onerror=hacked=1>{{7*7}}]]>--></style>\u202e\x1b[31m"

LIBRARY = "38017a5586acd9c6eb6bbfe8b6938e1a25bdc717c5acfcb07e0c9d663282c59d"
"""sha256 of js/dataTables.min.js of datatables.net 3.1.5, as npm serves it."""


class Elements(HTMLParser):
    """What a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self._open = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.inside:
            self.inside[self._open][-1] += data
        elif data.strip():
            self.texts.append(data.strip())

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


@pytest.fixture
def records(record_factory: RecordFactory, attack_factory: Callable[..., AttackResult]) -> list[Record]:
    return [
        record_factory(attacks=(attack_factory(),)),
        record_factory("roast", hyper_parameters={"alpha": 0.6}, attacks=(attack_factory(),)),
        record_factory("sam", scores={"auroc": None}, attacks=(attack_factory(),)),
        record_factory("roast", task="entailment", resolved={"training": {"epochs": 4}}),
        record_factory(task="entailment"),
        record_factory("broken", failure="out of memory"),
    ]


def test_same_records_give_the_same_page_whatever_their_order(records: list[Record]) -> None:
    page = render_page(aggregate(records))
    random.Random(0).shuffle(records)
    assert render_page(aggregate(records)) == page
    assert page.endswith("</html>\n")


def test_every_cell_of_every_table_is_there(records: list[Record]) -> None:
    leaderboard = aggregate(records)
    found = Elements(render_page(leaderboard)).texts
    for table in leaderboard.tables:
        for cells in entries(table):
            for cell in cells:
                assert cell.text in found
        for note in table.notes:
            assert note in found
    for text in (
        "out of memory",
        "alpha",
        "0.6",
        "advglue-sst2",
        "deepwordbug (100 texts, ≤200 queries, seed 0) on sst2",
    ):
        assert text in found
    assert "hash of qqp" in found


def test_nothing_is_loaded_and_only_its_own_scripts_run(records: list[Record]) -> None:
    page = Elements(render_page(aggregate(records)))
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcset", "action")]
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/svg+xml;base64,"))
    (policy,) = [meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    allowed = {part.split()[0]: part.split()[1:] for part in policy.split(";")}
    assert allowed["default-src"] == ["'none'"]
    for kind in ("script", "style"):
        digests = [hashlib.sha256(text.encode()).digest() for text in page.inside[kind]]
        assert allowed[f"{kind}-src"] == [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    assert len(page.inside["script"]) == 2


def test_table_library_is_the_published_one() -> None:
    library = files("leaderboard.page").joinpath("datatables/dataTables.min.js").read_bytes()
    assert hashlib.sha256(library).hexdigest() == LIBRARY


def test_hostile_texts_are_inert(
    record_factory: RecordFactory,
    set_factory: Callable[..., EvaluatedSet],
    attack_factory: Callable[..., AttackResult],
) -> None:
    hostile = record_factory(
        HOSTILE,
        task=HOSTILE,
        backbone=HOSTILE,
        suite=HOSTILE,
        hyper_parameters={HOSTILE: HOSTILE},
        started=HOSTILE,
        packages={HOSTILE: HOSTILE},
        sets={HOSTILE: set_factory(HOSTILE, sha256=HOSTILE)},
        missing_sets={HOSTILE: HOSTILE},
        attacks=(attack_factory(recipe=HOSTILE, evaluation_set=HOSTILE),),
    )
    tame = record_factory(attacks=(attack_factory(),), hyper_parameters={"a": 1}, missing_sets={"b": "c"})
    page = render_page(aggregate([hostile, record_factory(HOSTILE, failure=HOSTILE)]))
    like = render_page(aggregate([tame, record_factory(failure="x")]))
    assert {tag for tag, _ in Elements(page).tags} == {tag for tag, _ in Elements(like).tags}
    assert len(Elements(page).inside["script"]) == 2
    assert any("<script>hacked=1</script>" in text for text in Elements(page).texts), "shown as text"
    assert "\u202e" not in page
    assert "\x1b" not in page


def test_ids_are_unique_where_names_become_equal(record_factory: RecordFactory) -> None:
    names = [("a-b", "c"), ("a", "b-c"), ("a b", "c"), ("a", "b c"), ("tab-a", "b-c"), ("", "")]
    page = Elements(render_page(aggregate([record_factory(task=task, backbone=name) for task, name in names])))
    assert len(page.ids) == len(set(page.ids))
    targets = {attributes["href"][1:] for attributes in page.of("a")}
    assert len(targets) == 2 * len(names)
    assert targets <= set(page.ids)


def test_pictures_are_part_of_it(records: list[Record]) -> None:
    leaderboard = aggregate(records)
    setting = leaderboard.tables[0].setting
    page = Elements(render_page(leaderboard, {setting: {"perspectives": b"<svg/>"}}))
    (picture,) = page.of("img")
    assert base64.b64decode(picture["src"].partition(",")[2]) == b"<svg/>"
    assert "Perspectives" in picture["alt"]


def test_without_a_finished_cell_there_is_a_page(record_factory: RecordFactory) -> None:
    assert "No cell has finished." in render_page(Leaderboard(groups=(), failures=()))
    only_failed = Elements(render_page(aggregate([record_factory(failure="too hot")])))
    assert "too hot" in only_failed.texts
    assert not only_failed.of("nav")
