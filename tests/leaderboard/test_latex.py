from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard.aggregate import aggregate
from leaderboard.latex import render_latex
from leaderboard.record import AttackResult, Record
from leaderboard.table import Comparison, Leaderboard

RecordFactory = Callable[..., Record]
AttackFactory = Callable[..., AttackResult]

HOSTILE = '\\input{/etc/passwd}^^M\\write18{x} }{%$#&_~ [2ex]* "--" 中 é\n\\end{document}'


@pytest.fixture
def two_methods(record_factory: RecordFactory) -> Leaderboard:
    return aggregate(
        record_factory(name, seed, {"acc_in": base + seed, "auroc": base / 2})
        for name, base in (("vanilla", 80.0), ("roast", 90.0))
        for seed in (1, 2)
    )


@pytest.fixture
def hostile(record_factory: RecordFactory, attack_factory: AttackFactory) -> Leaderboard:
    attacks = (attack_factory(recipe=HOSTILE), attack_factory(recipe=f"[{HOSTILE}"))
    return aggregate(
        [
            record_factory(
                name,
                seed,
                {"ece": None} if name == "roast" else None,
                task=HOSTILE,
                backbone=f"[{HOSTILE}",
                suite=HOSTILE,
                reasons={"ece": HOSTILE},
                attacks=attacks,
                resolved={"training": {"epochs": epochs, HOSTILE: HOSTILE + str(epochs)}},
            )
            for name in ("vanilla", "roast", HOSTILE, f"*{HOSTILE}")
            for seed, epochs in ((1, 3), (2, 3), (1, 4))
        ]
        + [record_factory("sam", task=HOSTILE, failure=HOSTILE)]
    )


def test_one_table_with_its_numbers(two_methods: Leaderboard) -> None:
    text = render_latex(two_methods)
    lines = [line.strip() for line in text.splitlines()]
    assert lines.count(r"\begin{table}") == lines.count(r"\end{table}") == 1
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert lines.count(rule) == 1
    (roast,) = (line for line in lines if line.startswith("roast &"))
    (vanilla,) = (line for line in lines if line.startswith("vanilla &"))
    (heading,) = (line for line in lines if line.startswith("method &"))
    assert roast.startswith(r"roast & \textbf{91.50 $\pm$ 0.71} & \textbf{80.00 $\pm$ 0.00} &")
    assert vanilla.startswith(r"vanilla & 81.50 $\pm$ 0.71 & ")
    (columns,) = re.findall(r"\\begin\{tabular\}\{@\{\}(l+r+l)@\{\}\}", text)
    assert {line.count(" & ") for line in (heading, roast, vanilla)} == {len(columns) - 1}
    assert r"\label{tab:sentiment-minilm-" in text
    assert r"$\Delta$: average relative improvement over vanilla" in text


def test_marks_of_significance_are_superscripts(two_methods: Leaderboard) -> None:
    (group,) = two_methods.groups
    (table,) = group.tables
    better = Comparison(other="vanilla", difference=10.0, low=5.0, high=15.0, p=0.01, replicates=2_000)
    rows = tuple(
        replace(row, against_baseline={} if row.method == "vanilla" else {"acc_in": better}) for row in table.rows
    )
    text = render_latex(Leaderboard((replace(group, tables=(replace(table, rows=rows),)),), ()))
    assert r"roast & \textbf{91.50 $\pm$ 0.71}\textsuperscript{$\bigtriangleup$} &" in text


def test_several_tables_failures_and_nothing(hostile: Leaderboard) -> None:
    text = render_latex(hostile)
    assert text.count(r"\begin{table}") == 2
    assert text.isascii()
    assert "% Failed cells:" in text
    assert "2 tables, not to be compared with each other" in text
    assert render_latex(Leaderboard((), ())).endswith("% No cell has finished.\n")


def test_a_table_wider_than_the_text_is_scaled(two_methods: Leaderboard, tmp_path: Path) -> None:
    engine = shutil.which("pdflatex") or shutil.which("lualatex")
    if engine is None:
        pytest.skip("no LaTeX engine is installed (Debian: texlive-latex-recommended)")
    (tmp_path / "wide.tex").write_text(render_latex(two_methods), encoding="ascii")
    for packages, complaints in (("booktabs", True), ("booktabs,graphicx", False)):
        (tmp_path / "paper.tex").write_text(
            rf"\documentclass{{article}}\usepackage{{{packages}}}\setlength{{\textwidth}}{{60mm}}"
            r"\begin{document}\input{wide}\end{document}",
            encoding="ascii",
        )
        done = subprocess.run(
            [engine, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
        )
        assert done.returncode == 0, done.stdout[-2000:]
        assert bool(re.search(r"Overfull \\hbox \(\d{2}", done.stdout)) == complaints
    assert render_latex(two_methods).index(r"\belowcaptionskip") < render_latex(two_methods).index(r"\caption")


def test_a_hostile_text_is_typeset_as_it_is(hostile: Leaderboard, two_methods: Leaderboard, tmp_path: Path) -> None:
    """LaTeX itself reads it, where it is installed, and stops at the first error."""
    engine = shutil.which("pdflatex") or shutil.which("lualatex") or shutil.which("tectonic")
    if engine is None:
        pytest.skip("no LaTeX engine is installed (Debian: texlive-latex-recommended)")
    for name, leaderboard in (("hostile", hostile), ("plain", two_methods)):
        (tmp_path / f"{name}.tex").write_text(render_latex(leaderboard), encoding="ascii")
    document = tmp_path / "paper.tex"
    document.write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{plain}\input{hostile}\end{document}",
        encoding="ascii",
    )
    options = [] if Path(engine).name == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run(
        [engine, *options, document.name], cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000
    assert "passwd)" not in done.stdout
