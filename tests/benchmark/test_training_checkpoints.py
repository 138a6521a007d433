"""Which checkpoint an interrupted training goes on from."""

import json
import shutil

import pytest
import torch

from benchmark.fine_tuning import SimilarLengths
from benchmark.training_checkpoints import CHECKSUMS, best_beside, last_whole_checkpoint, write_checksums


@pytest.fixture
def checkpoints(tmp_path):
    """Three whole checkpoints; the best one is that of step 20 from step 20 on."""
    folder = tmp_path / "checkpoint"
    for step, best in ((10, 10), (20, 20), (30, 20)):
        path = folder / f"checkpoint-{step}"
        path.mkdir(parents=True)
        (path / "model.safetensors").write_bytes(bytes([step]) * 1_000)
        state = {"global_step": step, "best_model_checkpoint": f"/elsewhere/checkpoint-{best}"}
        (path / "trainer_state.json").write_text(json.dumps(state), encoding="utf-8")
        write_checksums(path)
    return folder


@pytest.fixture
def said():
    return []


def test_the_last_whole_one_is_found_and_nothing_is_touched(checkpoints, said, tmp_path):
    assert last_whole_checkpoint(checkpoints, said.append) == checkpoints / "checkpoint-30"
    assert len(list(checkpoints.iterdir())) == 3
    assert said == []
    assert last_whole_checkpoint(tmp_path / "absent", said.append) is None


def test_one_whose_writing_was_interrupted_is_removed(checkpoints, said):
    (checkpoints / "checkpoint-30" / CHECKSUMS).unlink()
    assert last_whole_checkpoint(checkpoints, said.append) == checkpoints / "checkpoint-20"
    assert sorted(path.name for path in checkpoints.iterdir()) == ["checkpoint-10", "checkpoint-20"]
    assert said == []


@pytest.mark.parametrize("name", ["model.safetensors", "trainer_state.json"])
def test_a_changed_one_is_set_aside(checkpoints, said, name):
    path = checkpoints / "checkpoint-30" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert last_whole_checkpoint(checkpoints, said.append) == checkpoints / "checkpoint-20"
    assert (checkpoints.parent / "checkpoint-30.damaged" / name).read_bytes() == content
    (line,) = said
    assert str(checkpoints / "checkpoint-30") in line
    assert name in line


def test_broken_checksums_are_damage_too(checkpoints, said):
    (checkpoints / "checkpoint-30" / CHECKSUMS).write_text('{"model.safetensors": 1}', encoding="utf-8")
    assert last_whole_checkpoint(checkpoints, said.append) == checkpoints / "checkpoint-20"
    assert len(said) == 1


def test_one_whose_removal_was_interrupted_is_removed(checkpoints, said):
    (checkpoints / "checkpoint-10" / "model.safetensors").unlink()
    assert last_whole_checkpoint(checkpoints, said.append) == checkpoints / "checkpoint-30"
    assert not (checkpoints / "checkpoint-10").exists()
    assert said == []


def test_a_checkpoint_is_useless_without_the_best_one(checkpoints, said):
    (checkpoints / "checkpoint-20" / "model.safetensors").write_bytes(b"")
    assert last_whole_checkpoint(checkpoints, said.append) == checkpoints / "checkpoint-10"
    assert [path.name for path in checkpoints.iterdir()] == ["checkpoint-10"]


def test_the_best_checkpoint_is_looked_for_beside(tmp_path):
    assert best_beside("/elsewhere/checkpoint-10", tmp_path) == str(tmp_path / "checkpoint-10")
    assert best_beside(None, tmp_path) is None


def test_similar_lengths_hang_on_seed_and_epoch_alone():
    lengths = [row % 37 + 3 for row in range(400)]

    def order(seed, epoch):
        sampler = SimilarLengths(lengths, 16, seed)
        sampler.set_epoch(epoch)
        torch.rand(epoch + seed + 1)  # whatever else draws from the global generator
        return list(sampler)

    assert order(0, 1) == order(0, 1)
    assert sorted(order(0, 1)) == list(range(400))
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_a_moved_folder_is_gone_on_with(roast_bench, tiny_run, tmp_path, plugin):
    """The Trainer's state holds the path of its best checkpoint, which is elsewhere then."""
    from leaderboard.record import find_records, read_record

    plugin.write_text(
        plugin.read_text(encoding="utf-8")
        + '''
import os

@register("stops")
class Stops(Method):
    """Fails in the third epoch, where told to."""

    def end_epoch(self, run):
        self.epochs = getattr(self, "epochs", 0) + 1
        if self.epochs == 3 and "STOP" in os.environ:
            raise RuntimeError("told to")
''',
        encoding="utf-8",
    )
    arguments = [*tiny_run[:-1], tmp_path / "first", "--method", "stops", "--epochs", "4", "--learning-rate", "1e-9"]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STOP", "1")
        assert roast_bench(*arguments).code == 1
    shutil.move(tmp_path / "first", tmp_path / "second")
    arguments[arguments.index(tmp_path / "first")] = tmp_path / "second"
    assert roast_bench(*arguments).code == 0
    (path,) = find_records(tmp_path / "second")
    record = read_record(path)
    assert record.status == "finished"
    assert record.training.resumed
    assert not (path.parent / "checkpoint").exists()
