from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from leaderboard.escape_markdown import escape_markdown

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

HOSTILE = [
    "a|b",
    "a\\|b",
    "line\nbreak",
    "<script>alert(1)</script>",
    "<!-- comment",
    "`code`",
    "![image](http://example.org/x.png)",
    "[link](javascript:alert(1))",
    "[link]: http://example.org",
    "**bold** _em_ ~~gone~~",
    "# heading",
    "- item",
    "1. item",
    "===",
    "---",
    "> quote",
    "<http://example.org>",
    "&lt;script&gt;",
    "\\",
    "|",
]


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or []]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_itself(text: str) -> None:
    for source in (escape_markdown(text), f"- {escape_markdown(text)}"):
        tokens = MARKDOWN.parse(source)
        block = {token.type for token in tokens} - {"inline"}
        assert {"heading_open", "hr", "blockquote_open", "html_block", "fence", "ordered_list_open"}.isdisjoint(block)
        assert {token.type for token in inline(tokens)} <= {"text", "text_special"}
        shown = "".join(token.content for token in inline(tokens)).replace("\u200b", "")
        assert shown == " ".join(text.split())


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab 1.)-+#=*_`~|\\[]()!<>&;:/@$\n\"'", max_size=20))
@example("a\\\\|b")
def test_any_text_stays_in_its_table_cell(text: str) -> None:
    source = f"| method | n |\n|---|---|\n| {escape_markdown(text)} | 1 |"
    tokens = MARKDOWN.parse(source)
    cells = [
        "".join(child.content for child in tokens[position + 1].children or [])
        for position, token in enumerate(tokens)
        if token.type == "td_open"
    ]
    assert [cell.replace("\u200b", "") for cell in cells] == [" ".join(text.split()), "1"]


@pytest.mark.parametrize("text", ["https://example.org", "www.example.org", "@someone", "a@example.org", "WWW.x.org"])
def test_what_github_links_by_itself_is_broken_up(text: str) -> None:
    shown = MARKDOWN.parse(escape_markdown(text))[1].content.replace("&#8203;", "\u200b")
    assert not any(telltale in shown.lower() for telltale in ("://", "www.", "@s", "@e"))


def test_mathematics_is_not_started() -> None:
    assert "$" not in escape_markdown("$x$ and $$y$$")


def test_usual_names_stay_readable() -> None:
    assert escape_markdown("acc_in: roast (alpha=0.6)") == "acc_in: roast (alpha=0.6)"
