"""The committed leaderboard is what its committed records give."""

from pathlib import Path

import pytest

from leaderboard.compare_files import first_difference, formats_in
from leaderboard.rendered_files import FORMATS, Format, rendered_files
from leaderboard.table import Leaderboard
from leaderboard.write import leaderboard_of, read_records_quickly

PUBLISHED = Path(__file__).parents[2] / "leaderboard"


@pytest.fixture(scope="module")
def published() -> Leaderboard:
    return leaderboard_of(read_records_quickly([PUBLISHED / "results"]))


def test_every_format_is_published() -> None:
    assert set(formats_in(PUBLISHED)) == set(FORMATS) - {"png"}


# PNG pictures are left out: every machine draws them a little otherwise.
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "png"])
def test_committed_pages_regenerate_byte_for_byte(published: Leaderboard, name: Format) -> None:
    wanted = [name] if name in ("svg", "png") else [name, "svg"]  # the Markdown document links the pictures
    files = [file for file in rendered_files(published, wanted) if file.format == name]
    assert files
    assert first_difference(files, PUBLISHED) is None
