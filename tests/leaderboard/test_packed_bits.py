import numpy as np
import pytest

from leaderboard.packed_bits import pack_bits, unpack_bits


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 50, 64])
def test_as_numpy_packs(count: int) -> None:
    import base64

    values = (np.random.default_rng(count).random(count) < 0.5).tolist()
    packed = pack_bits(values)
    assert base64.b64decode(packed) == np.packbits(np.array(values, bool)).tobytes()
    assert unpack_bits(packed, count) == values


@pytest.mark.parametrize(("packed", "problem"), [("?", "not base64"), ("AAA=", "2 bytes")])
def test_what_somebody_else_wrote_is_checked(packed: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        unpack_bits(packed, 8)
