import json
import random
from pathlib import Path

import pytest

from leaderboard.checksum import CHECKSUM, checksum, with_checksum
from leaderboard.record import DamagedRecordError, find_records, read_record

PUBLISHED = Path(__file__).parents[2] / "leaderboard" / "results"


@pytest.fixture
def sealed(tmp_path):
    """A published record with a checksum."""
    path = tmp_path / "record.json"
    path.write_bytes(with_checksum(json.loads(find_records(PUBLISHED)[0].read_bytes())))
    return path


def test_a_record_as_it_was_written_is_read(sealed):
    record = read_record(sealed)
    assert record.checksum == json.loads(sealed.read_bytes())[CHECKSUM]


def test_another_layout_is_the_same_record(sealed):
    sealed.write_text(json.dumps(json.loads(sealed.read_bytes()), indent=7).replace("\n", "\r\n"), encoding="utf-8")
    assert read_record(sealed).checksum


def test_numbers_are_hashed_as_they_are_read_back():
    numbers = {
        "numbers": [random.Random(0).uniform(-1e9, 1e9) for _ in range(2_000)] + [1e-300, 5e-324, 0.1 + 0.2, -0.0]
    }
    written = json.loads(with_checksum(numbers))
    assert written[CHECKSUM] == checksum(written)
    assert written["numbers"] == numbers["numbers"]


def test_every_changed_value_is_noticed(sealed):
    content = json.loads(sealed.read_bytes())
    changed = 0
    for key, value in content["scores"].items():
        altered = {**content, "scores": {**content["scores"], key: {**value, "value": value["value"] + 1e-9}}}
        sealed.write_text(json.dumps(altered), encoding="utf-8")
        with pytest.raises(DamagedRecordError, match="is not what its checksum says"):
            read_record(sealed)
        changed += 1
    assert changed == 5


def test_a_cut_off_record_is_damaged(sealed):
    whole = sealed.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 3):
        sealed.write_bytes(whole[:length])
        with pytest.raises(DamagedRecordError, match="is not JSON"):
            read_record(sealed)
