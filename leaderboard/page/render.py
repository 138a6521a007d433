"""From a leaderboard to the text of its page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files

from leaderboard.layout import READING
from leaderboard.page.content import groups_of
from leaderboard.table import Leaderboard

_NO_PICTURES: Mapping[str, Mapping[str, bytes]] = {}


def render_page(leaderboard: Leaderboard, pictures: Mapping[str, Mapping[str, bytes]] = _NO_PICTURES) -> str:
    """The leaderboard as one HTML document, scripts, styles and pictures included.

    Nothing is loaded when it is viewed, and its content security policy forbids to: only the scripts and styles that
    are part of it run. Without scripts everything is there too, but not sorted or searched.

    Args:
        leaderboard: what to show.
        pictures: setting id → kind of picture → SVG.

    Returns:
        The text, with a line break at its end. The same leaderboard and pictures give the same text.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    scripts = [_asset("datatables/dataTables.min.js"), _asset("page.js")]
    style = _asset("page.css")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("page.html.jinja"))
    text = template.render(
        groups=groups_of(leaderboard, pictures),
        failures=leaderboard.failures,
        reading=READING,
        script_hashes=" ".join(map(_hash, scripts)),
        style_hash=_hash(style),
        scripts=[Markup(script) for script in scripts],
        style=Markup(style),
        licence=_asset("datatables/LICENSE.txt").strip(),
    )
    return text.rstrip("\n") + "\n"


def _asset(name: str) -> str:
    return files("leaderboard.page").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a content security policy names an inline script or style by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
