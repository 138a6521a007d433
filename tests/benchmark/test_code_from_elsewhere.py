"""Code comes from the files and packages that the user named or installed, and from nowhere else."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest
from test_user_mistakes import assert_one_line

MARK = "open({!r}, 'w').close()\n"
METHOD = "from methods import Method, register\n\n@register('theirs')\nclass Theirs(Method):\n    'A method.'\n"


def listed(folder: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmark", "list", "methods", *map(str, options)],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_in_the_present_folder_is_imported(tmp_path: Path) -> None:
    """Neither a file with a library's name nor metadata that declare a plug-in."""
    (tmp_path / "mine_elsewhere.py").write_text(MARK.format(str(tmp_path / "ran")) + METHOD, encoding="utf-8")
    for name in ("typer", "pydantic", "torch"):
        (tmp_path / f"{name}.py").write_text(MARK.format(str(tmp_path / "ran")), encoding="utf-8")
    information = tmp_path / "mine-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text("[roast_bench.methods]\na = mine_elsewhere\n", encoding="utf-8")
    done = listed(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "roast" in done.stdout
    assert "theirs" not in done.stdout
    assert not (tmp_path / "ran").exists()


def test_a_plugins_folder_is_not_searched(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(MARK.format(str(tmp_path / "ran")), encoding="utf-8")
    (tmp_path / "mine.py").write_text("import beside\n" + METHOD, encoding="utf-8")
    done = listed(tmp_path, "--plugin", tmp_path / "mine.py")
    assert done.returncode == 2
    assert "No module named 'beside'" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_what_was_hashed_is_what_runs(roast_bench, tmp_path: Path) -> None:
    """Not the byte code that Python kept beside the file of another text with the same size and time."""
    path = tmp_path / "mine.py"
    hostile = METHOD + MARK.format(str(tmp_path / "ran"))
    path.write_text(hostile, encoding="utf-8")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    py_compile.compile(str(path))
    path.write_text((METHOD + "#").ljust(len(hostile) - 1, "#") + "\n", encoding="utf-8")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert path.stat().st_size == len(hostile)
    done = roast_bench("list", "methods", "--plugin", path)
    assert done.code == 0, done.err
    assert "theirs" in done.out
    assert not (tmp_path / "ran").exists()


def test_nothing_is_written_beside_a_plugin(roast_bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "mine.py").write_text(METHOD, encoding="utf-8")
    assert roast_bench("list", "methods", "--plugin", tmp_path / "mine.py").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("roast", "from methods import Method, register\n@register('roast')\nclass M(Method): ...\n"),
        ("reviews", "from tasks import register_task\n@register_task('reviews')\ndef t(): ...\n"),
        (
            "deepwordbug",
            "from benchmark.attacks import register_attack\n"
            "@register_attack('deepwordbug', summary='s', source='p')\ndef build(model): ...\n",
        ),
    ],
)
def test_no_plugin_takes_the_place_of_what_is_there(roast_bench, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    assert_one_line(roast_bench("list", "methods", "--plugin", tmp_path / "mine.py"), repr(name))


@pytest.mark.parametrize("name", ["../escape", "a/b", "a\\b", ".hidden", "-rf", "", "a\n", "CON", "\x1b", "a" * 101])
def test_no_registry_takes_a_name_that_is_a_path(roast_bench, tmp_path: Path, name: str) -> None:
    for module, call in (
        ("from methods import Method, register", f"@register({name!r})\nclass M(Method): ..."),
        ("from tasks import register_task", f"@register_task({name!r})\ndef t(): ..."),
        (
            "from benchmark.attacks import register_attack",
            f"@register_attack({name!r}, summary='s', source='p')\ndef b(model): ...",
        ),
    ):
        (tmp_path / "mine.py").write_text(f"{module}\n{call}\n", encoding="utf-8")
        assert_one_line(roast_bench("list", "methods", "--plugin", tmp_path / "mine.py"), "cannot be imported")


@pytest.mark.parametrize("option", ["--backbone", "--out", "--mirror", "--plugin", "--transfer-sets"])
def test_a_name_too_long_for_a_file_is_refused(roast_bench, option: str, tmp_path: Path) -> None:
    assert_one_line(roast_bench("run", "quickstart", option, str(tmp_path / ("x" * 1_000))), "xxx")


def test_suites_that_would_be_parsed_for_hours(roast_bench, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for content, said in (
        (".".join("a" * 3_000) + "=1", "dots"),
        ("a=" + "[" * 5_000, "nested too deep"),
        ("a=" + "9" * 5_000, "is not TOML"),
        ("a=1\n" * 20_000, "longer than 65,536 bytes"),
        ('name = "\x1b[2J"', "is not TOML"),
    ):
        path.write_text(content, encoding="utf-8")
        assert_one_line(roast_bench("run", path), str(path), said)
    path.unlink()
    path.mkdir()
    assert_one_line(roast_bench("run", path), "directory")
