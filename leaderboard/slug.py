"""Names as parts of file names and labels."""

from __future__ import annotations

import re
import unicodedata


def slug(name: str) -> str:
    """At most 40 lower-case letters, digits and hyphens; different names may become equal."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name)[:40].strip("-") or "unnamed"
