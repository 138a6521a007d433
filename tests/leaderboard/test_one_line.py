from __future__ import annotations

import pytest

from leaderboard.one_line import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("abc\u202edcba", "abcdcba"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("No such file: '/home/alice/runs/a/record.json'", "No such file: '…/record.json'"),
        (r"C:\Users\alice\model.bin", "…/model.bin"),
        ("/models/minilm", "…/minilm"),
        ("~/models/minilm", "…/minilm"),
        ("stanfordnlp/sst2 and a/b/c", "stanfordnlp/sst2 and a/b/c"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("3 / 10", "3 / 10"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_long_text_is_cut() -> None:
    assert one_line("x" * 500, 10) == "x" * 9 + "…"
