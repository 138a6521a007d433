"""What a model's files may do is what the user asked for: pickled tensors, code of its own."""

from __future__ import annotations

import json
import os
import pickle
import shutil

import pytest
import torch
from elsewhere import fine_tuned
from test_user_mistakes import assert_one_line

from benchmark.backbones import in_folder, locate
from benchmark.errors import UserError
from benchmark.trust import NO_TRUST, Trust
from leaderboard.record import find_records, read_record

MODELLING = """
open({marker!r}, "w").close()
from transformers import BertConfig, BertForSequenceClassification, BertModel

class MineConfig(BertConfig):
    model_type = "mine"

class Mine(BertForSequenceClassification):
    config_class = MineConfig
"""


class RunsCode:
    """Unpickled, it makes a folder."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def backbone(tiny_backbone, tmp_path):
    return shutil.copytree(tiny_backbone, tmp_path / "tiny-bert")


@pytest.fixture
def run(tiny_run, backbone):
    """Arguments of a run on that backbone alone."""
    arguments = [*tiny_run, "--method", "vanilla"]
    arguments[arguments.index("--backbone") + 1] = backbone
    return arguments


def pickle_weights(folder):
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def bring_code(folder, marker):
    """The model as one of a class of its own, whose file leaves a mark when it is imported."""
    path = folder / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    auto_map = {"AutoConfig": "mine.MineConfig", "AutoModelForSequenceClassification": "mine.Mine"}
    path.write_text(json.dumps(settings | {"model_type": "mine", "auto_map": auto_map}), encoding="utf-8")
    (folder / "mine.py").write_text(MODELLING.format(marker=str(marker)), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def own_modules_cache(tmp_path, monkeypatch):
    """Where transformers copies code of models to."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))


def test_pickled_weights_of_a_backbone_are_asked_for(roast_bench, run, backbone, tmp_path):
    assert roast_bench(*run, "--out", tmp_path / "safetensors").code == 0
    pickle_weights(backbone)
    locate.cache_clear()
    assert_one_line(roast_bench(*run), "pytorch_model.bin", "can run code", "--pickled-weights")
    assert find_records(tmp_path / "out") == []
    assert roast_bench(*run, "--pickled-weights").code == 0
    (one,), (other,) = (find_records(tmp_path / name) for name in ("safetensors", "out"))
    before, after = read_record(one), read_record(other)
    assert {name: item.logits_sha256 for name, item in before.evaluation_sets.items()} == {
        name: item.logits_sha256 for name, item in after.evaluation_sets.items()
    }
    assert after.configuration.given["pickled_weights"] is True
    assert "pickled_weights" not in before.configuration.given
    identities = [record.configuration.resolved["backbone"]["identity"] for record in (before, after)]
    assert identities[0] != identities[1], "the pickle's bytes are part of the identity"


def test_pickled_weights_of_a_checkpoint_are_asked_for(roast_bench, tiny_backbone, plugin, tmp_path):
    folder = pickle_weights(fine_tuned(tiny_backbone, tmp_path / "theirs", ["neg", "pos"], steps=1))
    for verb, rest in (("evaluate", []), ("attack", ["--attack", "deepwordbug:2:10"])):
        words = [verb, folder, "--task", "tiny", "--plugin", plugin, "--max-length", 64, *rest]
        words += ["--labels", "bad,good", "--out", tmp_path / verb]
        labels = roast_bench("describe", "tiny", "--plugin", plugin, "--json").out
        words[words.index("bad,good")] = ",".join(part.split()[1] for part in json.loads(labels)["labels"].split(", "))
        assert_one_line(roast_bench(*words), "pytorch_model.bin", "--pickled-weights")
        done = roast_bench(*words, "--pickled-weights")
        assert done.code == 0, done.err


@pytest.mark.parametrize("as_torch_file", [True, False])
def test_a_pickle_of_more_than_tensors_is_refused_and_does_not_run(
    roast_bench, run, backbone, tmp_path, as_torch_file, monkeypatch
):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    hostile = {"embeddings.word_embeddings.weight": RunsCode(tmp_path / "ran")}
    (backbone / "model.safetensors").unlink()
    if as_torch_file:
        torch.save(hostile, backbone / "pytorch_model.bin")
    else:
        (backbone / "pytorch_model.bin").write_bytes(pickle.dumps(hostile))
    done = roast_bench(*run, "--pickled-weights")
    assert_one_line(done, "backbone tiny-bert", "pytorch_model.bin", "more than tensors")
    assert not (tmp_path / "ran").exists()


def test_safetensors_are_taken_where_there_are_both(backbone):
    weights = (backbone / "model.safetensors").read_bytes()
    plain = in_folder("backbone", backbone, NO_TRUST)
    pickle_weights(backbone)
    (backbone / "model.safetensors").write_bytes(weights)
    both = in_folder("backbone", backbone, Trust(pickled_weights=True))
    assert not both.trust.pickled_weights
    assert both.identity == plain.identity


@pytest.mark.parametrize(
    "name", ["../outside.safetensors", "/nowhere/a.safetensors", "sub/a.safetensors", "a.bin", "absent.safetensors", 7]
)
def test_an_index_of_weights_names_files_in_its_folder(backbone, tmp_path, name):
    (backbone / "model.safetensors").rename(tmp_path / "outside.safetensors")
    (backbone / "a.bin").write_bytes(b"")
    index = backbone / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"weight": name}}), encoding="utf-8")
    with pytest.raises(UserError, match="in the folder"):
        in_folder("backbone", backbone, NO_TRUST)


def test_an_adapter_is_no_backbone(backbone):
    """transformers would load the model that it names."""
    (backbone / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere"}', encoding="utf-8")
    with pytest.raises(UserError, match="PEFT adapter"):
        in_folder("backbone", backbone, NO_TRUST)


def test_code_of_a_backbone_runs_only_where_asked_for(roast_bench, run, backbone, tmp_path):
    marker = tmp_path / "ran"
    bring_code(backbone, marker)
    assert_one_line(roast_bench(*run), "backbone tiny-bert", "code of its own", "config.json", "--trust-remote-code")
    assert not marker.exists()
    done = roast_bench(*run, "--trust-remote-code")
    assert done.code == 0, done.err
    assert marker.exists()
    (path,) = find_records(tmp_path / "out")
    record = read_record(path)
    assert record.configuration.given["trust_remote_code"] is True
    assert record.configuration.resolved["backbone"]["trust_remote_code"] is True


def test_code_of_a_checkpoint_runs_only_where_asked_for(roast_bench, tiny_backbone, plugin, tmp_path):
    from tasks import tasks

    marker = tmp_path / "ran"
    roast_bench("list", "tasks", "--plugin", plugin)
    folder = fine_tuned(tiny_backbone, tmp_path / "theirs", list(tasks["tiny"]().labels), steps=1)
    bring_code(folder, marker)
    words = ["evaluate", folder, "--task", "tiny", "--plugin", plugin, "--max-length", 64, "--out", tmp_path / "out"]
    assert_one_line(roast_bench(*words), "code of its own", "--trust-remote-code")
    assert not marker.exists()
    done = roast_bench(*words, "--trust-remote-code")
    assert done.code == 0, done.err
    assert marker.exists()
    (path,) = find_records(tmp_path / "out")
    assert read_record(path).configuration.resolved["checkpoint"]["trust_remote_code"] is True


def test_code_is_part_of_the_identity_where_it_runs(backbone, tmp_path):
    bring_code(backbone, tmp_path / "ran")
    before = in_folder("backbone", backbone, Trust(remote_code=True))
    (backbone / "mine.py").write_text("pass", encoding="utf-8")
    assert in_folder("backbone", backbone, Trust(remote_code=True)).identity != before.identity


def test_trust_changes_nothing_about_what_needs_none(backbone):
    everything = Trust(pickled_weights=True, remote_code=True)
    assert in_folder("backbone", backbone, everything) == in_folder("backbone", backbone, NO_TRUST)
    assert locate("minilm", everything).resolved() == locate("minilm").resolved()
