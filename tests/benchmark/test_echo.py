"""What is printed is text: names of others control no terminal and make no further lines."""

from __future__ import annotations

import ast
import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.command_line import echo as echo_module
from benchmark.command_line.echo import LONGEST_ERROR, echo, echo_error, echo_json
from benchmark.progress import Reporter

HOSTILE = "a\x1b[2J\x07\r\nroast-bench: done\u202e\x9b\x7f\udc80"


def test_a_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    echo("Δ ≤ é", HOSTILE)
    first, second, last = capsys.readouterr().out.split("\n")
    assert first == "Δ ≤ é"
    assert second == "a␛[2J␇␍␊roast-bench: done<U+202E><U+009B><U+007F><U+DC80>"
    assert last == ""


def test_an_error_is_one_short_line(capsys: pytest.CaptureFixture[str]) -> None:
    echo_error(HOSTILE + "x" * 100_000)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("roast-bench: a␛[2J␇ roast-bench: done")
    assert len(said) < LONGEST_ERROR + 100


def test_json_is_ascii_and_the_same_values(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"name": HOSTILE, "≤": 1})
    said = capsys.readouterr().out
    assert said.isascii()
    assert "\x1b" not in said
    assert json.loads(said) == {"name": HOSTILE, "≤": 1}


def test_progress_lines_stay_lines() -> None:
    stream = io.StringIO()
    with Reporter(Console(file=stream, width=80)) as reporter:
        reporter.say(f"cell {HOSTILE} [bold]")
        with reporter.phase(HOSTILE, 3):
            reporter.advance()
    lines = stream.getvalue().rstrip("\n").split("\n")
    assert len(lines) == 2
    assert "[bold]" in lines[0]
    assert all(character.isprintable() for line in lines for character in line)


def test_bars_take_no_markup_of_a_description() -> None:
    stream = io.StringIO()
    with Reporter(Console(file=stream, width=80, force_terminal=True)) as reporter, reporter.phase("[red]x[/red]", 3):
        reporter.advance()
        reporter._bars.refresh()
    assert "[red]x[/red]" in stream.getvalue()


@pytest.mark.parametrize("module", sorted(Path(echo_module.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_the_command_line_prints_by_echo_alone(module: Path) -> None:
    if module.name == "echo.py":
        return
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in (("typer", "echo"), ("typer", "secho")), node.lineno


def test_a_terminal_without_the_signs_gets_them_spelled_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from benchmark.command_line import main

    published = Path(__file__).parents[2] / "leaderboard" / "results" / "quickstart"
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["roast-bench", "leaderboard", str(published), "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    stream.flush()
    assert b"\\u0394" in stream.buffer.getvalue()  # type: ignore[attr-defined]
