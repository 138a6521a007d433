"""`--executor ray`: its options, what a machine elsewhere is told and gives back, and a cluster that loses a node."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import shutil
import socket
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from compared import unlike
from restored_registries import restored_registries
from rich.console import Console
from tiny_cells import PLUGIN
from two_nodes import SLOW_METHOD, Watching, two_nodes

from benchmark.errors import UserError
from benchmark.execution import Execution
from benchmark.executors import scratch_folder as scratch
from benchmark.executors.brought_back import (
    Arrival,
    DamagedOnTheWay,
    SentFile,
    files_to_send,
    is_file_of_a_cell,
    parts_of,
)
from benchmark.executors.cell_description import PlannedFrom, describe
from benchmark.executors.node_side import AllSent, Begun, Ended, carry_out
from benchmark.executors.planned_again import different, planned_again
from benchmark.executors.ray_cluster import Declared, Node, gpus_of_a_cell, require_able
from benchmark.executors.ray_run import run_on_ray
from benchmark.executors.remote_reporter import ManyCellsReporter, RemoteReporter
from benchmark.plan import plan
from benchmark.plugins import load_plugin
from benchmark.progress import Reporter
from benchmark.run import run_cells
from benchmark.suite import Suite, TrainingSettings
from leaderboard.record import find_records, read_record
from methods import methods
from tasks import tasks

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")

EXPLODES = '''
@register("explodes")
class Explodes(Method):
    """NaN in the fifth step."""

    def loss(self, model, batch):
        self.steps = getattr(self, "steps", 0) + 1
        return model(**batch).loss * (float("nan") if self.steps == 5 else 1)
'''


def suite_of(backbone: Path, methods=("vanilla",), seeds=(0,), epochs=2) -> Suite:
    return Suite(
        name="on-ray",
        tasks=("tiny",),
        backbones=(str(backbone),),
        methods=methods,
        seeds=seeds,
        training=TrainingSettings(epochs=epochs, batch_size=8, learning_rate=0.003, max_length=64),
    )


# ---- options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ray-address", "10.0.0.1:6379"], ["--ray-address 10.0.0.1:6379", "give --executor ray too"]),
        (["--cell-cpus", "2"], ["--cell-cpus 2", "--executor ray"]),
        (["--cell-gpus", "0"], ["--cell-gpus 0", "--executor ray"]),
        (["--executor", "ray", "--cell-gpus", "1.5"], ["--cell-gpus 1.5", "0.5"]),
        (["--executor", "ray", "--cell-gpus", "nan"], ["--cell-gpus", "0"]),
        (["--executor", "rya"], ["rya", "local"]),
        (["--executor", "ray", "--cell-cpus", "0"], ["--cell-cpus", "1"]),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_line(roast_bench, tiny_run, tmp_path, options, said):
    done = roast_bench(*tiny_run, "--method", "vanilla", *options)
    assert done.code == 2, done.err
    (line,) = done.err.splitlines()
    assert all(part in line for part in said), line
    assert not (tmp_path / "out").exists()


def test_without_ray_the_line_says_what_to_install(roast_bench, tiny_run, monkeypatch, tmp_path):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else find_spec(name, *rest)
    )
    done = roast_bench(*tiny_run, "--method", "vanilla", "--executor", "ray")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert 'pip install "roast-bench[ray]"' in line
    assert not (tmp_path / "out").exists()


@needs_ray
@pytest.mark.parametrize("address", ["nonsense", "ray://10.0.0.1:10001", "10.0.0.1", "10.0.0.1:99999", ""])
def test_what_is_no_address_is_refused(roast_bench, tiny_run, address, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", address or "also nonsense")
    given = ["--ray-address", address] if address else []
    done = roast_bench(*tiny_run, "--method", "vanilla", "--executor", "ray", *given)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "HOST:PORT" in line
    assert (address or "also nonsense") in line


@needs_ray
def test_an_address_where_nobody_answers_is_refused_at_once(roast_bench, tiny_run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens, and nobody else can
        port = taken.getsockname()[1]
        done = roast_bench(*tiny_run, "--method", "vanilla", "--executor", "ray", "--ray-address", f"127.0.0.1:{port}")
    assert done.code == 2
    assert f"127.0.0.1:{port}: nobody answers there" in done.err


SMALL, WITH_GPUS = Node("a", "a", cpus=4, gpus=0), Node("b", "b", cpus=2, gpus=2)


def test_what_no_node_has_is_refused():
    assert require_able([SMALL, WITH_GPUS], 4, 0) == [SMALL]
    assert require_able([SMALL, WITH_GPUS], 1, 0.5) == [WITH_GPUS]
    for cpus, gpus, said in ((8, 0, "--cell-cpus 8: "), (1, 3, "--cell-gpus 3: "), (4, 1, "--cell-cpus 4: ")):
        with pytest.raises(UserError, match=said):
            require_able([SMALL, WITH_GPUS], cpus, gpus)
    with pytest.raises(UserError, match="0 nodes"):
        require_able([], 1, 0)


def test_a_cell_has_a_gpu_where_there_are_any():
    assert gpus_of_a_cell(Declared(), [SMALL]) == 0
    assert gpus_of_a_cell(Declared(), [SMALL, WITH_GPUS]) == 1
    assert gpus_of_a_cell(Declared(gpus=0), [SMALL, WITH_GPUS]) == 0


# ---- what a machine elsewhere is told


@pytest.fixture
def planned(plugin, tiny_backbone, tmp_path):
    """A cell, what it was planned from, and its description for a machine that does not see the output folder."""
    own = tmp_path / "own.csv"
    own.write_text("text,label\nthe film is great,positive\nthe plot is dull,negative\n", encoding="utf-8")
    load_plugin(plugin)
    suite = suite_of(tiny_backbone, methods=("vanilla", "half-loss"), seeds=(0, 1))
    made_from = PlannedFrom(suite=suite, plugins=[plugin], eval_sets=[f"own={own}:shift"])
    cell = plan(suite, eval_sets=made_from.eval_sets)[-1]
    assert (cell.method_name, cell.seed) == ("half-loss", 1)
    description = describe(
        cell, made_from, Execution(), cpus=1, out=tmp_path / "out", token=None, run=hashlib.sha256(b"out").hexdigest()
    )
    return cell, made_from, description


def forget(name_of_method="half-loss"):
    """As in a process that has not loaded the plug-in."""
    del methods[name_of_method], tasks["tiny"]
    for module in [name for name in sys.modules if name.startswith("roast_bench_plugin")]:
        del sys.modules[module]


@pytest.mark.parametrize("in_place", [True, False])
def test_a_description_is_planned_into_the_same_cell(planned, plugin, tmp_path, in_place):
    cell, _, description = planned
    forget()
    if not in_place:
        plugin.unlink()
    again = planned_again(description, plugins=tmp_path / "plugins")
    assert again.config_hash == cell.config_hash
    assert again.given == cell.given
    assert again.folder == cell.folder
    assert (tmp_path / "plugins").exists() != in_place


def test_another_backbone_there_is_said(planned, tiny_backbone, tmp_path):
    _, _, description = planned
    other = tmp_path / tiny_backbone.name
    shutil.copytree(tiny_backbone, other)
    (other / "config.json").write_text((other / "config.json").read_text(encoding="utf-8") + " ", encoding="utf-8")
    elsewhere = replace(description, suite={**description.suite, "backbones": [str(other)]})
    with pytest.raises(UserError, match=r"backbone\.identity is sha256:\w+ here and sha256:\w+ there"):
        planned_again(elsewhere, plugins=tmp_path / "plugins")


def test_what_is_not_there_is_said(planned, tmp_path):
    _, _, description = planned
    (tmp_path / "own.csv").unlink()
    with pytest.raises(UserError, match=r"own\.csv"):
        planned_again(description, plugins=tmp_path / "plugins")
    with pytest.raises(UserError, match=r"--mirror .*nowhere: there is no such folder"):
        planned_again(replace(description, mirror=str(tmp_path / "nowhere")), plugins=tmp_path / "plugins")


def test_differences_name_the_values_that_differ():
    here = {"mirror": "aa", "training": {"epochs": 2, "batch_size": 8}, "files": {"own": "1"}}
    there = {"training": {"epochs": 3, "batch_size": 8}, "files": {"own": "1"}}
    assert different(here, there) == "mirror is aa here and absent there; training.epochs is 2 here and 3 there"


# ---- what it gives back


@pytest.mark.parametrize("name", ["record.json", "logits/test.npz", "attacks/a.parquet", "model/sub/x.safetensors"])
def test_names_of_a_cells_files(name):
    assert is_file_of_a_cell(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "logits",
        "other.json",
        "/etc/passwd",
        "../record.json",
        "logits/../../x",
        "logits//x",
        "logits/./x",
        "logits/.hidden",
        "checkpoint/x",
        "logits\\x",
        "logits/a\nb",
        "logits/\x00",
        "model/",
    ],
)
def test_names_that_lead_elsewhere(name):
    assert not is_file_of_a_cell(name)


@pytest.fixture
def elsewhere(planned, tmp_path, monkeypatch):
    """A cell that was run where the output folder is not seen: its description, and everything that it handed over."""
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(tmp_path))
    cell, _, description = planned
    handed_over = carry_out(description, ("there", "id"), lambda events: None)
    begun, ended = next(handed_over), next(handed_over)
    parts = []
    for item in handed_over:
        if isinstance(item, AllSent):
            assert list((scratch.scratch_folder() / description.work_name).rglob("record.json"))
            break
        parts.append(item)
    assert next(handed_over, "nothing") == "nothing"
    assert not (scratch.scratch_folder() / description.work_name).exists()
    return cell, begun, ended, parts


def arrive(elsewhere, folder, files=None, parts=None, config_hash=None):
    cell, _, ended, sent = elsewhere
    arrival = Arrival(folder, files or ended.files, config_hash or cell.config_hash)
    try:
        for part in sent if parts is None else parts:
            arrival.take(part)
        return arrival.put_in_place()
    except DamagedOnTheWay:
        arrival.discard()
        raise


def test_files_come_back_as_a_run_here_leaves_them(elsewhere, tmp_path):
    cell, begun, ended, _ = elsewhere
    assert begun == Begun("there", "id", shared=False)
    assert isinstance(ended, Ended)
    assert ended.finished
    record = arrive(elsewhere, tmp_path / "out" / cell.folder)
    assert record.status == "finished"
    outcome = run_cells([cell], tmp_path / "here", Reporter(Console(quiet=True)))
    assert len(outcome.finished) == 1
    assert unlike(tmp_path / "here", tmp_path / "out") == []


def test_damage_on_the_way_is_noticed_and_nothing_is_left(elsewhere, tmp_path):
    cell, _, ended, parts = elsewhere
    folder = tmp_path / "out" / cell.folder
    changed = [parts[0][:-1] + bytes([parts[0][-1] ^ 1]), *parts[1:]]
    for wrong, said in (
        ({"parts": changed}, "another sha256"),
        ({"parts": [*parts, b"x"]}, "more arrived"),
        ({"parts": parts[:-1]}, "less arrived"),
        ({"files": ended.files[:-1]}, "not whole"),
        ({"files": (SentFile("../../x", 1, ""), *ended.files)}, "no name of a file"),
        ({"config_hash": "0" * 12}, "another cell"),
    ):
        with pytest.raises(DamagedOnTheWay, match=said):
            arrive(elsewhere, folder, **wrong)
        assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_link_in_the_output_folder_is_not_followed(elsewhere, tmp_path):
    cell, *_ = elsewhere
    folder = tmp_path / "out" / cell.folder
    folder.mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (folder / "logits").symlink_to(tmp_path / "secret")
    with pytest.raises(DamagedOnTheWay, match="leads out"):
        arrive(elsewhere, folder)
    assert list((tmp_path / "secret").iterdir()) == []


def test_large_files_come_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.executors.brought_back.PART", 10)
    (tmp_path / "logits").mkdir()
    (tmp_path / "logits" / "a.npz").write_bytes(bytes(25))
    (tmp_path / "logits" / "b.npz").write_bytes(b"")
    (tmp_path / "logits" / ".c.npz.tmp").write_bytes(b"left over")
    (tmp_path / "record.json").write_bytes(b"{}")
    files = files_to_send(tmp_path)
    assert [(file.name, file.size) for file in files] == [("logits/a.npz", 25), ("logits/b.npz", 0), ("record.json", 2)]
    assert [len(part) for part in parts_of(tmp_path, files)] == [10, 10, 5, 2]


def test_a_scratch_folder_of_others_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = scratch.scratch_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(UserError, match="others than this user"):
        scratch.scratch_folder()
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="scratch folder"):
        scratch.scratch_folder()


def test_progress_is_shown_with_the_cell_it_is_of():
    text = io.StringIO()
    shown = ManyCellsReporter(Console(file=text, width=200))
    for cell in ("one", "two"):
        sent = RemoteReporter(lambda events, cell=cell: [shown.show(cell, event) for event in events], cell)
        sent.say(f"cell 1 of 1: {cell}")
        sent.say("task tiny: evaluation set x is missing: gone")
        with sent.phase("fine-tuning, steps", 1000):
            sent.advance(3)
        sent.say("  finished in 1 s")
    assert text.getvalue().splitlines() == [
        "task tiny: evaluation set x is missing: gone",
        "one: fine-tuning, steps (1,000)",
        "one: finished in 1 s",
        "two: fine-tuning, steps (1,000)",
        "two: finished in 1 s",
    ]


# ---- a cluster


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray")
    with two_nodes() as running:
        yield running


METHODS = ("slow", "explodes")
SEEDS = (0, 1)
EPOCHS = 4


@pytest.fixture(scope="module")
def own_plugin(tmp_path_factory):
    """The example plug-in, with a method whose training can be met and one that fails by itself."""
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(PLUGIN.read_text(encoding="utf-8") + SLOW_METHOD + EXPLODES, encoding="utf-8")
    return path


@pytest.fixture
def made_from(own_plugin, tiny_backbone):
    load_plugin(own_plugin)
    suite = suite_of(tiny_backbone, methods=METHODS, seeds=SEEDS, epochs=EPOCHS)
    return PlannedFrom(suite=suite, plugins=[own_plugin])


@pytest.fixture(scope="module")
def made_here(tmp_path_factory, tiny_backbone, own_plugin):
    """Output folder of the same cells, run in this process one after the other."""
    out = tmp_path_factory.mktemp("here")
    with restored_registries():
        load_plugin(own_plugin)
        suite = suite_of(tiny_backbone, methods=METHODS, seeds=SEEDS, epochs=EPOCHS)
        assert len(run_cells(plan(suite), out, Reporter(Console(quiet=True))).finished) == 2
    return out


def assert_as_made_here(out, made_here, outcome):
    """All is done, and equal to the bit; nothing else is left."""
    assert {(cell.method_name, cell.seed) for cell in outcome.failed} == {("explodes", seed) for seed in SEEDS}
    assert unlike(made_here, out, only="tiny/tiny-bert/slow/") == []
    for path in out.glob("tiny/tiny-bert/explodes/*/record.json"):
        assert read_record(path).failure.kind == "NonFiniteLossError"
    assert len(find_records(out)) == 4
    assert {path.name for path in out.iterdir()} == {".locks", "tiny"}


@needs_ray
def test_a_run_in_a_shared_folder_is_interrupted_and_its_next_one_loses_a_node(cluster, made_from, made_here, tmp_path):
    cells, out = plan(made_from.suite), tmp_path / "out"

    def interrupt(node):
        raise KeyboardInterrupt

    interrupted = Watching(20, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_on_ray(cells, out, interrupted, made_from=made_from, address=cluster.address)
    assert not list(out.glob(".shared-*"))
    assert not (out / next(cell for cell in cells if str(cell) == interrupted.met).record_path).exists()
    done_before = len(find_records(out))

    cluster.complete()  # the cluster is not ended by a run that only joined it
    watching = Watching(20, cluster.lose)
    outcome = run_on_ray(cells, out, watching, made_from=made_from, address=cluster.address)
    assert_as_made_here(out, made_here, outcome)
    assert watching.met is not None, watching.lines
    assert [line for line in watching.lines if f"{watching.met}: lost on node" in line and "begun again" in line]
    # The lost node ran one cell; no other is begun twice, none that was finished at all.
    begun = Counter(cell for cell, _ in watching.begun())
    assert begun == Counter(
        {str(cell): 1 + (str(cell) == watching.met) for cell in (*outcome.finished, *outcome.failed)}
    )
    assert len(outcome.skipped) <= done_before
    resumed = next(cell for cell in outcome.finished if str(cell) == watching.met)
    assert read_record(out / resumed.record_path).training.resumed
    assert cluster.scratch_folders() == []


@needs_ray
def test_files_are_brought_back_from_nodes_that_do_not_see_the_folder(cluster, made_from, made_here, tmp_path):
    cluster.complete()
    cells, out = plan(made_from.suite), tmp_path / "out"
    watching = Watching(20, cluster.lose)
    outcome = run_on_ray(cells, out, watching, made_from=made_from, address=cluster.address, shared_folder=False)
    assert_as_made_here(out, made_here, outcome)
    begins = [line for line in watching.lines if line.startswith("cell ")]
    assert begins
    assert all("which does not share the output folder" in line for line in begins)
    begun = Counter(cell for cell, _ in watching.begun())
    assert begun == Counter({str(cell): 1 + (str(cell) == watching.met) for cell in cells})
    # Cells that failed are kept for another try; of those that are finished nothing is left.
    failed = {cell.config_hash for cell in outcome.failed}
    assert {path.name.rpartition("-")[2] for path in cluster.scratch_folders()} == failed


@needs_ray
def test_the_command_runs_on_a_cluster(cluster, roast_bench, tiny_run, tmp_path):
    cluster.complete()
    common = [*tiny_run, "--method", "vanilla", "--executor", "ray", "--ray-address", cluster.address]
    refused = roast_bench(*common, "--cell-gpus", "1")
    assert refused.code == 2
    assert "--cell-gpus 1: no node of the cluster has that many" in refused.err
    assert find_records(tmp_path / "out") == []
    done = roast_bench(*common, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["finished"]
    assert "cell 1 of 1: tiny · tiny-bert · vanilla · seed 0 on node" in done.err
    again = roast_bench(*common, "--json")
    assert len(json.loads(again.out)["skipped"]) == 1
