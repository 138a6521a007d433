from __future__ import annotations

import re

import pytest

from leaderboard.escape_latex import escape_latex

HOSTILE = [
    r"\input{/etc/passwd}",
    r"\immediate\write18{rm -rf ~}",
    "50% of $x_1 & y^2 # 3",
    "^^M^^5cinput ^^^^0041",
    "}{}}\\end{table}\\end{document}{",
    "[1ex] *[2ex] ]",
    "\"a\" `b` --- ,, '' <<>> ?` !` |",
    "a\\\\b\\\nc\rd\te\x0bf\u2028g",
    "% a comment",
    "\\verb|x| \\catcode`\\%=12",
    "~/.ssh",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acc_in", r"acc\_in"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("50% & $5 #1", r"50\% \& \$5 \#1"),
        ("\N{EN DASH}- \N{RIGHT SINGLE QUOTATION MARK}' --", "--{}- '{}' -{}-"),
        ("^^M", r"\textasciicircum{}\textasciicircum{}M"),
        ("[0.5ex]*", "{[}0.5ex{]}{*}"),
        ("a--b,,c''d", "a-{}-b,{},c'{}'d"),
        ("90.1 ± 0.2", r"90.1 $\pm$ 0.2"),
        ("−1 ≤ Δ – †‡", r"$-$1 $\leq$ $\Delta$ -- \dag{}\ddag{}"),
        ("λ=0.01, ε", r"$\lambda$=0.01, $\epsilon$"),
        ("Ünï çøÅ ő", r"""\"{U}n\"{i} \c {c}\o{}\r {A} \H {o}"""),
        ("中😀", "{[}U+4E2D{]}{[}U+1F600{]}"),
        ("a\nb\r\n c", "a b c"),
        ("\0\x07", "{[}U+0000{]}{[}U+0007{]}"),
        ("", ""),
    ],
)
def test_escapes(text: str, expected: str) -> None:
    assert escape_latex(text) == expected


@pytest.mark.parametrize("text", [*HOSTILE, "".join(map(chr, range(0x20, 0x2FFF)))])
def test_only_known_commands_are_left_braces_balance_and_all_is_ascii(text: str) -> None:
    escaped = escape_latex(text)
    assert escaped.isascii()
    assert "\n" not in escaped
    assert "\0" not in escaped
    without_signs = re.sub(r"\\[{}#$%&_]", "", escaped)
    depth = 0
    for character in without_signs:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert without_signs.count("$") % 2 == 0
    assert not set("#%&~") & set(re.sub(r"\\~\{", "{", without_signs))
    assert "^^" not in escaped
    commands = set(re.findall(r"\\([A-Za-z]+|.)", without_signs))
    assert not commands & {"input", "write", "immediate", "end", "verb", "catcode", "\\", "include", "def", "csname"}
