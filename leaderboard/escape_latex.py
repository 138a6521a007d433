"""Text made inert in LaTeX, for every engine."""

from __future__ import annotations

import unicodedata

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "^": r"\textasciicircum{}",  # two of them would make any character of what follows
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # German babel makes commands of it
    "`": r"\char96{}",
    # A row that begins with one of these would be read as an option of the line break before it.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    **{character: f"\\{character}" for character in "#$%&_"},
}

_SYMBOLS = {
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "°": r"$^{\circ}$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "∞": r"$\infty$",
    "‖": r"$\Vert$",
    "←": r"$\leftarrow$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "▲": r"$\bigtriangleup$",
    "▼": r"$\bigtriangledown$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "‘": r"\char96{}",
    "“": r"\char96{}\char96{}",
    "”": "''",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "₀": "$_{0}$",
    "₁": "$_{1}$",
    "₂": "$_{2}$",
    "²": "$^{2}$",
    "³": "$^{3}$",
    **{
        unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}"): rf"$\{command}$"
        for command, name in (
            *((name, name) for name in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota")),
            *((name, name) for name in ("kappa", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi")),
            *((name, name) for name in ("chi", "psi", "omega")),
            ("lambda", "lamda"),
        )
    },
    **{
        unicodedata.lookup(f"GREEK CAPITAL LETTER {name.upper()}"): rf"$\{name}$"
        for name in ("Gamma", "Delta", "Theta", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega")
    },
    "Λ": r"$\Lambda$",
    "µ": r"$\mu$",
}

_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING MACRON}": "=",
    "\N{COMBINING DOT ABOVE}": ".",
    "\N{COMBINING BREVE}": "u ",
    "\N{COMBINING CARON}": "v ",
    "\N{COMBINING DOUBLE ACUTE ACCENT}": "H ",
    "\N{COMBINING RING ABOVE}": "r ",
    "\N{COMBINING CEDILLA}": "c ",
    "\N{COMBINING OGONEK}": "k ",
}

_LIGATURES = "-,'"
"""Two of these in a row become another character in some fonts."""


def escape_latex(text: str) -> str:
    """LaTeX that typesets exactly this text: no command, comment, mathematics, cell or line break in it.

    The result is ASCII, so that pdfLaTeX takes it under any input encoding, and needs no package. Signs of
    leaderboards, Greek letters and accented Latin letters become commands. pdfLaTeX stops at every other character
    that it has no font for, so those become their code point, such as ``[U+4E2D]``: visible, never lost. Line breaks
    become spaces. The result may stand in a table cell, in a caption or at the beginning of a line.
    """
    line = unicodedata.normalize("NFC", " ".join(text.split()))
    found: list[str] = []
    for escaped in map(_escaped, line):
        if found and found[-1][-1] == escaped[0] and escaped[0] in _LIGATURES:
            found.append("{}")
        found.append(escaped)
    return "".join(found)


def _escaped(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    if " " <= character <= "\N{TILDE}":
        return character
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"{{[}}U+{ord(character):04X}{{]}}"
