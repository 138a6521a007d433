"""The committed leaderboard is what its committed records give."""

from pathlib import Path

import pytest

from leaderboard.write import CSV_FILE, MARKDOWN_FILE, write_leaderboard

PUBLISHED = Path(__file__).parents[2] / "leaderboard"


@pytest.mark.parametrize("name", [MARKDOWN_FILE, CSV_FILE])
def test_committed_pages_regenerate_byte_for_byte(tmp_path, name):
    write_leaderboard([PUBLISHED / "results"], tmp_path)
    assert (tmp_path / name).read_bytes() == (PUBLISHED / name).read_bytes()
