"""Files that were cut off or changed after they were written: noticed, set aside with a line, and made again."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from compared import files_below, unlike
from restored_registries import exit_code
from tiny_cells import PLUGIN, run_arguments

from leaderboard.record import find_records

STOPS = '''
import os

@register("stops")
class Stops(Method):
    """Cross-entropy and a count of steps as its state; raises in step 18, in the second epoch, where told to."""

    def prepare_model(self, model):
        self.steps = 0

    def loss(self, model, batch):
        self.steps += 1
        if self.steps == 18 and "STOP_ME" in os.environ:
            raise RuntimeError("told to stop")
        return model(**batch).loss * (1 + self.steps / 1000)

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, state):
        self.steps = state["steps"]
'''


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """Another byte in the middle: digits stay digits, so that JSON stays JSON."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_a_score(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    found = re.search(r'"acc_in": \{\s*"value": (\d)', content)
    digit = str((int(found[1]) + 1) % 10)
    path.write_text(content[: found.start(1)] + digit + content[found.end(1) :], encoding="utf-8")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def nonsense(path: Path) -> None:
    path.write_bytes(b"\xff\xfe[[[[")


@pytest.fixture(scope="module")
def finished(tiny_backbone, tmp_path_factory):
    """A folder of two finished cells, seeds 0 and 1, with an attack, and the words that made it."""
    folder = tmp_path_factory.mktemp("finished")
    plugin = folder / "mine.py"
    plugin.write_bytes(PLUGIN.read_bytes())
    words = run_arguments(plugin, tiny_backbone, folder, attack="deepwordbug:4:50")[:-2]
    words += ["--method", "half-loss", "--seeds", "0,1", "--attack-workers", "1"]
    assert exit_code(words, folder / "out") == 0
    return folder / "out", words


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of it to damage, and the folders of the two cells in it."""
    whole, words = finished
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    first, second = (path.parent for path in find_records(out))
    return whole, out, [*words, "--out", out], first, second


def set_aside_lines(err: str) -> list[str]:
    return [line for line in err.splitlines() if "set aside" in line]


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("record.json", cut),
        ("record.json", change_a_score),
        ("record.json", empty),
        ("record.json", nonsense),
        ("logits/test.npz", cut),
        ("logits/odd.npz", flip),
        ("attacks/deepwordbug.parquet", flip),
        ("attacks/deepwordbug.parquet", cut),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_damaged_file_of_a_finished_cell_is_set_aside_and_the_cell_done_again(copied, roast_bench, file, damage):
    whole, out, words, first, second = copied
    before = {name: (path.read_bytes(), path.stat().st_mtime_ns) for name, path in files_below(second).items()}
    damage(first / file)
    damaged = (first / file).read_bytes()

    done = roast_bench(*words)

    assert done.code == 0, done.err
    lines = set_aside_lines(done.err)
    assert any(str(first / file) in line for line in lines), done.err
    assert not any(str(second) in line for line in lines)
    (kept,) = (first / file).parent.glob(f"{Path(file).name}.damaged*")
    assert kept.read_bytes() == damaged
    assert unlike(whole, out) == []
    assert {name: (path.read_bytes(), path.stat().st_mtime_ns) for name, path in files_below(second).items()} == before

    again = roast_bench(*words)
    assert again.code == 0
    assert set_aside_lines(again.err) == []
    assert "cell 1 of" not in again.err


def test_the_record_of_another_cell_is_set_aside(copied, roast_bench):
    whole, out, words, first, second = copied
    (first / "record.json").write_bytes((second / "record.json").read_bytes())
    done = roast_bench(*words)
    assert done.code == 0, done.err
    (line,) = set_aside_lines(done.err)
    assert str(first / "record.json") in line
    assert list(first.glob("record.json.damaged*"))
    assert unlike(whole, out) == []


@pytest.fixture(scope="module")
def stopped(tiny_backbone, tmp_path_factory):
    """The folder of a cell that stopped in its second epoch, one of a cell that did not, and the words for both."""
    folder = tmp_path_factory.mktemp("stopped")
    plugin = folder / "mine.py"
    plugin.write_text(PLUGIN.read_text(encoding="utf-8") + STOPS, encoding="utf-8")
    words = run_arguments(plugin, tiny_backbone, folder)[:-2]
    words += ["--method", "stops", "--checkpoint-every", "5"]
    assert exit_code(words, folder / "stopped", STOP_ME="1") == 1
    assert exit_code(words, folder / "whole") == 0
    return folder / "stopped", folder / "whole", words


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("model.safetensors", flip),
        ("model.safetensors", cut),
        ("optimizer.pt", flip),
        ("optimizer.pt", empty),
        ("scheduler.pt", flip),
        ("rng_state.pth", flip),
        ("trainer_state.json", flip),
        ("trainer_state.json", cut),
        ("method_state.pt", flip),
        ("checksums.json", cut),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_damaged_checkpoint_is_set_aside_and_the_weights_are_the_same(stopped, roast_bench, tmp_path, file, damage):
    interrupted, whole, words = stopped
    out = tmp_path / "out"
    shutil.copytree(interrupted, out)
    checkpoints = sorted(out.rglob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
    assert checkpoints[-1].name == "checkpoint-15"
    damage(checkpoints[-1] / file)

    done = roast_bench(*words, "--out", out)

    assert done.code == 0, done.err
    (line,) = set_aside_lines(done.err)
    assert str(checkpoints[-1]) in line
    assert unlike(whole, out) == []


def test_with_every_checkpoint_damaged_training_begins_again(stopped, roast_bench, tmp_path):
    interrupted, whole, words = stopped
    out = tmp_path / "out"
    shutil.copytree(interrupted, out)
    checkpoints = list(out.rglob("checkpoint-*"))
    for checkpoint in checkpoints:
        flip(checkpoint / "model.safetensors")

    done = roast_bench(*words, "--out", out)

    assert done.code == 0, done.err
    assert len(set_aside_lines(done.err)) == len(checkpoints)
    assert unlike(whole, out) == []
    (record,) = find_records(out)
    assert json.loads(record.read_bytes())["training"]["resumed"] is False
