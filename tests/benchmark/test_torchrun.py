"""One cell over two processes: what `torchrun -m benchmark run` does that one process does not."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from compared import unlike
from tiny_cells import PLUGIN, environment, write_tiny_bert

from benchmark.cell import _checkpoint
from benchmark.command_line.several_processes import check_verb
from benchmark.errors import UserError
from benchmark.processes import ONE_PROCESS, Processes, started_processes
from benchmark.stored_logits import read_logits
from benchmark.working_files import remove_working_files
from leaderboard.record import Record, read_record
from methods.agreement import Agreement

METHODS = '''

import math
import os
import signal

import psutil

if os.environ.get("RANK") == os.environ.get("MISTAKEN", "none"):
    raise ImportError("not on this machine")

from methods.roast import Roast
from methods.vanilla import Vanilla


@register("roast-falls")
class RoastFalls(Roast):
    """Ends the whole run in the middle of the second epoch, where told to."""

    def end_step(self, run):
        super().end_step(run)
        if "FALL" in os.environ and run.step == 19 and os.environ["RANK"] == "0":
            torchrun = psutil.Process(os.getppid())
            for process in [torchrun, *torchrun.children()]:
                if process.pid != os.getpid():
                    process.send_signal(signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)


class Breaks(Vanilla):
    rank = "1"

    def breaks(self):
        self.calls = getattr(self, "calls", 0) + 1
        return self.calls == 3 and os.environ.get("RANK") == self.rank


@register("breaks-in-loss")
class BreaksInLoss(Breaks):
    """Raises in one process alone."""

    rank = "1"

    def loss(self, model, batch):
        if self.breaks():
            raise LookupError("lost in process 1")
        return super().loss(model, batch)


@register("breaks-after-step")
class BreaksAfterStep(Breaks):
    """Raises elsewhere in one process alone."""

    rank = "1"

    def end_step(self, run):
        if self.breaks():
            raise LookupError("lost after a step")


@register("breaks-in-saving")
class BreaksInSaving(Breaks):
    """Cannot write a checkpoint, as where the disk is full."""

    rank = "0"

    def state_dict(self):
        raise OSError(28, "No space left on device")


@register("not-a-number")
class NotANumber(Breaks):
    """The loss is NaN in one process alone."""

    rank = "0"

    def loss(self, model, batch):
        return super().loss(model, batch) * (math.nan if self.breaks() else 1.0)
'''

SUITE = """
name = "two"
tasks = ["tiny"]
backbones = ["{backbone}"]
methods = ["vanilla"]
seeds = [0]

[training]
epochs = 2
batch_size = 8
learning_rate = 1e-2
max_length = 64
length_bucketing = true
"""

BROKEN = ("breaks-in-loss", "breaks-after-step", "breaks-in-saving", "not-a-number")


@dataclass(frozen=True)
class Cells:
    """A suite that several runs share."""

    folder: Path

    def words(self, out: str, *more: str) -> list[str]:
        """The command's words."""
        files = ("--plugin", str(self.folder / "mine.py"), "--out", str(self.folder / out))
        return ["run", str(self.folder / "two.toml"), *files, *more]

    def record(self, out: str, method: str) -> tuple[Path, Record]:
        """The only record of a method, and its folder."""
        (path,) = (self.folder / out).rglob(f"{method}/*/record.json")
        return path.parent, read_record(path)

    def cell(self, out: str, method: str) -> str:
        """A method's cell folder, below the output folder."""
        return self.record(out, method)[0].relative_to(self.folder / out).as_posix()

    def torchrun(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Two processes of a command."""
        launcher = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")
        meeting = ("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0")
        return subprocess.run(
            [*launcher, *meeting, "-m", "benchmark", *words],
            cwd=self.folder,
            env=environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Cells:
    """No dropout: then a mini-batch's gradient does not hang on how it is shared."""
    folder = tmp_path_factory.mktemp("torchrun")
    backbone = write_tiny_bert(folder / "tiny-bert")
    config = json.loads((backbone / "config.json").read_bytes())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (backbone / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "mine.py").write_text(PLUGIN.read_text(encoding="utf-8") + METHODS, encoding="utf-8")
    (folder / "two.toml").write_text(SUITE.format(backbone=backbone), encoding="utf-8")
    return Cells(folder)


@pytest.fixture(scope="module")
def whole(cells: Cells) -> subprocess.CompletedProcess[str]:
    """A run of two processes that nothing disturbs."""
    return cells.torchrun(*cells.words("whole", "--method", ",".join(["vanilla", *BROKEN, "roast-falls"])))


def test_two_processes_finish_cells_and_speak_once(cells, whole):
    assert whole.returncode == 1  # of torchrun, where a cell failed
    assert whole.stdout.count("Cells: 2 finished, 4 failed.") == 1
    assert whole.stderr.count("cell 1 of 6: tiny") == 1
    assert whole.stderr.count("finished in") == 2
    for method in ("vanilla", "roast-falls"):
        folder, record = cells.record("whole", method)
        assert record.status == "finished"
        assert record.machine.processes == 2
        assert sorted(path.name for path in folder.iterdir()) == ["logits", "record.json"]


def test_the_first_failure_of_any_process_ends_its_cell_alone(cells, whole):
    expected = {
        "breaks-in-loss": ("FailedElsewhereError", "process 1: LookupError: lost in process 1"),
        "breaks-after-step": ("FailedElsewhereError", "process 1: LookupError: lost after a step"),
        "breaks-in-saving": ("OSError", "[Errno 28] No space left on device"),
        "not-a-number": ("NonFiniteLossError", "step 3: the training loss is nan"),
    }
    for method, (kind, message) in expected.items():
        folder, record = cells.record("whole", method)
        assert record.status == "failed"
        assert record.machine.processes == 2
        assert (record.failure.kind, record.failure.message) == (kind, message)
        assert not list(folder.rglob("checksums.json"))  # also of the checkpoint that could not be written whole
    traceback = cells.record("whole", "breaks-in-loss")[1].failure.traceback
    assert 'raise LookupError("lost in process 1")' in traceback
    assert "Traceback" not in whole.stderr.partition("torch/distributed")[0]


def test_two_processes_train_as_one_does(cells, whole, roast_bench):
    """Rounding aside: sums are split in two, and halves of a mini-batch are padded to their own longest text."""
    assert roast_bench(*cells.words("one")).code == 0
    (one_folder, one), (two_folder, two) = (cells.record(out, "vanilla") for out in ("one", "whole"))
    assert one.machine.processes == 1
    assert two.training.steps == one.training.steps > 20
    assert two.training.loss == pytest.approx(one.training.loss, abs=1e-7)
    assert two.training.selection_accuracy == one.training.selection_accuracy
    assert two.training.kept_epoch == one.training.kept_epoch
    moved = 0.0
    for name in one.evaluation_sets:
        expected, found = (read_logits(folder / f"logits/{name}.npz")[0] for folder in (one_folder, two_folder))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        moved = max(moved, float(np.ptp(expected)))
    assert moved > 0.05


def test_killed_in_the_second_epoch_and_run_again_it_is_as_if_never_interrupted(cells, whole):
    words = cells.words("killed", "--method", "roast-falls,vanilla", "--checkpoint-every", "4")
    assert cells.torchrun(*words, FALL="1").returncode == -9
    assert not list((cells.folder / "killed").rglob("record.json"))
    (checkpoint,) = (cells.folder / "killed").rglob("checkpoint-16/checksums.json")
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= json.loads(checkpoint.read_bytes()).keys()
    again = cells.torchrun(*words)
    assert again.returncode == 0, again.stderr
    assert cells.record("killed", "roast-falls")[1].training.resumed
    for method in ("roast-falls", "vanilla"):  # vanilla: the same once more
        lines = unlike(cells.folder / "whole", cells.folder / "killed", cells.cell("whole", method))
        assert [line for line in lines if "configuration.given.methods" not in line] == []


@pytest.mark.parametrize(
    ("more", "variable", "line"),
    [
        (
            ("--batch-size", "7"),
            "",
            "training.batch_size is 7, which 2 processes cannot share equally; give a multiple of 2, or start another "
            "number of processes.",
        ),
        (("--method", "roost"), "", "method 'roost'"),
        ((), "1", "process 1: --plugin"),
    ],
    ids=["batch size", "unknown method", "in the other process alone"],
)
def test_a_mistake_gives_its_line_once(cells, more, variable, line):
    done = cells.torchrun(*cells.words("mistaken", *more), MISTAKEN=variable)
    ours = [text for text in done.stderr.splitlines() if text.startswith("roast-bench: ")]
    assert len(ours) == 1
    assert line in ours[0]
    assert "exitcode  : 2" in done.stderr
    assert done.stdout == ""


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that torchrun sets."""
    for name, value in {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "MASTER_ADDR": "x", "MASTER_PORT": 1}.items():
        monkeypatch.setenv(name, str(value))


def test_the_processes_are_known_from_torchruns_variables(second_of_two, monkeypatch):
    assert started_processes() == Processes(rank=1, size=2)
    monkeypatch.delenv("LOCAL_RANK")  # as under a scheduler that runs one process in each of its places
    assert started_processes() == ONE_PROCESS


def test_only_run_is_for_several(second_of_two, monkeypatch):
    verbs = ("run", "evaluate")
    with pytest.raises(UserError, match="evaluate: is for one process, and torchrun started 2"):
        check_verb(["evaluate"], verbs)
    for words in ([], ["run"], ["--help"]):
        check_verb(words, verbs)
    monkeypatch.setenv("WORLD_SIZE", "1")
    check_verb(["evaluate"], verbs)


class Said:
    """Takes the place of a reporter."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_checkpoints_of_another_number_of_processes_are_left_alone(tmp_path):
    def write(folder: str) -> Path:
        checkpoint = tmp_path / folder / "checkpoint-4"
        checkpoint.mkdir(parents=True)
        (checkpoint / "trainer_state.json").write_text("{}", encoding="utf-8")
        (checkpoint / "checksums.json").write_text("{}", encoding="utf-8")
        return checkpoint

    said = Said()
    first = write("checkpoint-2-processes")
    assert _checkpoint(tmp_path, 2, said) == "checkpoint-4"
    assert said.lines == []
    assert _checkpoint(tmp_path, 1, said) is None
    assert first.is_dir()
    (line,) = said.lines
    assert str(first.parent) in line
    assert line.endswith("from another number of processes, and left there; fine-tuning in 1 begins anew.")
    second = write("checkpoint")
    assert _checkpoint(tmp_path, 1, said) == "checkpoint-4"
    remove_working_files(tmp_path)
    assert not first.exists()
    assert not second.exists()


def test_one_process_keeps_no_failure():
    alone = Agreement(1, device=None)
    with pytest.raises(LookupError), alone.keep_failure():
        raise LookupError
    assert alone.settle(3.0) == 3.0
