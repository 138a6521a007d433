import hashlib
import zipfile

import numpy as np
import pytest

from benchmark.errors import UserError
from benchmark.stored_logits import read_logits, store_logits


def test_round_trip_and_equal_bytes(tmp_path):
    logits = np.random.RandomState(0).normal(size=(6, 3)).astype(np.float32)
    first = store_logits(tmp_path / "a" / "one.npz", logits, (0, 1, 2, 0, 1, 2))
    second = store_logits(tmp_path / "two.npz", logits, (0, 1, 2, 0, 1, 2))
    assert first == second == hashlib.sha256((tmp_path / "two.npz").read_bytes()).hexdigest()
    found, labels = read_logits(tmp_path / "two.npz")
    np.testing.assert_array_equal(found, logits)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_without_labels(tmp_path):
    store_logits(tmp_path / "x.npz", np.zeros((2, 2), np.float32), None)
    assert read_logits(tmp_path / "x.npz")[1] is None


def test_truncated_and_foreign_files_are_named(tmp_path):
    path = tmp_path / "x.npz"
    store_logits(path, np.zeros((200, 2), np.float32), None)
    for content in (path.read_bytes()[:100], b"", b"hello", np.array([{}], dtype=object).dumps()):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"x\.npz: is not a file of stored logits"):
            read_logits(path)


def npy(header: bytes) -> bytes:
    padded = header + b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("logits", b"hello"),
        ("logits.npy", b"hello"),
        ("logits.npy", npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 2)}" % 2**70)),
        ("logits.npy", npy(b"(" * 3_000)),
        ("logits.npy", npy(b"-" * 5_000 + b"1")),
        ("logits.npy", npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}") + b"\0" * 8),
    ],
)
def test_forged_arrays_are_named(tmp_path, name, content):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, content)
    with pytest.raises(UserError, match=r"x\.npz: is not a file of stored logits"):
        read_logits(path)


def test_an_encrypted_file_is_named(tmp_path):
    path = tmp_path / "x.npz"
    store_logits(path, np.zeros((2, 2), np.float32), None)
    content = path.read_bytes()
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + flags
        content = content[:at] + bytes([content[at] | 1]) + content[at + 1 :]
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.npz: is not a file of stored logits"):
        read_logits(path)


def test_bytes_with_another_sha256_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    digest = store_logits(path, np.zeros((2, 2), np.float32), None)
    assert read_logits(path, digest)[0].shape == (2, 2)
    other = store_logits(path, np.ones((2, 2), np.float32), None)
    with pytest.raises(UserError, match=rf"has sha256 {other[:12]}…, the record says {digest[:12]}…"):
        read_logits(path, digest)
    with pytest.raises(UserError, match="No such file"):
        read_logits(tmp_path / "absent.npz", digest)
