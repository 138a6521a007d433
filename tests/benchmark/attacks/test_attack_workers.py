"""Several processes attack as one does, and none of them is left behind, however the attack ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from attack_sentences import SENTENCES
from toy_attack_run import LABELS, TEXTS, predict, toy_outcome

from benchmark.attacks import attacks
from benchmark.attacks.asked_once import AskedOnce
from benchmark.attacks.outcome import AttackedExample, AttackOutcome
from benchmark.attacks.run import run_attack
from benchmark.attacks.worker_processes import can_fork, cores, in_order
from benchmark.errors import UserError

pytestmark = pytest.mark.skipif(not can_fork(), reason="attacks take one process on this machine")

SCRIPT = Path(__file__).with_name("slow_work_run.py")


def attack_toy(predict: Any = predict, texts: Any = TEXTS, labels: Any = LABELS, **changes: Any) -> AttackOutcome:
    return run_attack(attacks["deepwordbug"], predict, texts, labels, max_queries=None, seed=0, **changes)


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.fixture(autouse=True)
def nobody_left_behind() -> Iterator[None]:
    before = set(children())
    yield
    assert set(children()) <= before


@pytest.mark.parametrize("workers", [2, 3, 50])
def test_any_number_of_workers_finds_the_same_in_the_same_order(workers: int) -> None:
    added: list[AttackedExample] = []
    done: list[int] = []
    outcome = attack_toy(workers=workers, on_finished=added.append, on_progress=lambda count, of: done.append(count))
    assert outcome.examples == toy_outcome().examples == tuple(added)
    assert done == [1, 2, 3, 4, 5]
    resumed = attack_toy(workers=workers, finished=outcome.examples[:2])
    assert resumed.examples == outcome.examples


@pytest.mark.parametrize("recipe", ["deepwordbug", "hotflip-own-embeddings"])
def test_a_network_that_was_trained_here_is_attacked_to_the_same_bits(
    recipe: str, predictor: Any, nltk_data: Path
) -> None:
    # Gradients in this process first: autograd must work in a forked one all the same.
    torch.set_num_threads(2)
    try:
        model, tokenizer = predictor._model, predictor._tokenizer
        batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
        model(**batch, labels=torch.tensor([0, 1, 1, 0])).loss.backward()
        model.eval()
        labels = predictor(SENTENCES).argmax(axis=1).tolist()
        found = [
            run_attack(
                attacks[recipe], AskedOnce.of(predictor), SENTENCES, labels, max_queries=40, seed=0, workers=workers
            ).examples
            for workers in (1, 2, 4)
        ]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert found[0] == found[1] == found[2]
    assert sum(example.queries for example in found[0]) > 20


def test_work_is_done_elsewhere_in_one_thread_and_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    tokenizer.encode_batch(["a"] * 100)  # threads of its own here, which do not survive a fork
    kept = os.environ.get("TOKENIZERS_PARALLELISM")

    def work(row: int) -> tuple[int, int, int]:
        tokenizer.encode_batch(["a"] * 100)
        time.sleep(0.05)
        return row, torch.get_num_threads(), os.getpid()

    torch.set_num_threads(2)
    try:
        rows, threads, processes = zip(*in_order(work, range(3, 9), 2), strict=True)
    finally:
        torch.set_num_threads(1)
    assert rows == (3, 4, 5, 6, 7, 8)
    assert set(threads) == {1}
    assert len(set(processes)) == 2
    assert os.getpid() not in processes
    assert os.environ.get("TOKENIZERS_PARALLELISM") == kept
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_from_the_keyboard_is_for_this_process_only() -> None:
    def interrupted(row: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        return row

    assert list(in_order(interrupted, range(3), 2)) == [0, 1, 2]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_single_row_or_worker_needs_no_process() -> None:
    for rows, workers in ((range(4), 1), (range(1), 8)):
        assert set(in_order(lambda row: os.getpid(), rows, workers)) == {os.getpid()}
    assert list(in_order(abs, range(0), 4)) == []


class NoWay(Exception):
    """Can be sent from one process to another."""


class OfTwo(Exception):
    """Cannot: what it is made of is not what it says."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (NoWay("row 2"), NoWay, "^row 2$"),
        (UserError("not there"), UserError, "^not there$"),
        (OfTwo("a", "b"), RuntimeError, "^OfTwo: a and b$"),
    ],
)
def test_what_the_model_raises_passes_through(raised: Exception, kind: type[Exception], message: str) -> None:
    def failing(texts: list[str]) -> np.ndarray:
        if TEXTS[2] in texts:
            raise raised
        return predict(texts)

    added: list[AttackedExample] = []
    with pytest.raises(kind, match=message):
        attack_toy(failing, workers=2, on_finished=added.append)
    assert tuple(added) == toy_outcome().examples[:2], "what was finished before stays"


def test_a_worker_ended_by_the_system_is_said() -> None:
    def killed(texts: list[str]) -> np.ndarray:
        if TEXTS[2] in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        return predict(texts)

    with pytest.raises(UserError, match=r"SIGKILL.* 2 of them.*--attack-workers 1\.$") as refused:
        attack_toy(killed, workers=2)
    assert "\n" not in str(refused.value)


def test_who_stops_listening_stops_the_workers() -> None:
    def waiting(row: int) -> int:
        if row:
            time.sleep(60)
        return row

    start = time.monotonic()
    results = in_order(waiting, range(4), 3)
    assert next(results) == 0
    results.close()
    assert time.monotonic() - start < 10


def test_no_workers_are_refused() -> None:
    with pytest.raises(ValueError, match="workers must be at least 1, not 0"):
        attack_toy(workers=0)


def test_where_processes_cannot_be_forked_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores() == len(os.sched_getaffinity(0))
    with monkeypatch.context() as patched:
        patched.setattr(torch.cuda, "is_available", lambda: True)
        assert not can_fork()
        asked: list[str] = []

        def noting(texts: list[str]) -> np.ndarray:
            asked.extend(texts)
            return predict(texts)

        assert attack_toy(noting, workers=4).examples == toy_outcome().examples
        assert asked, "attacked in this process"
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "tensorflow", torch)
        assert not can_fork()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "darwin")
        assert not can_fork()
    assert can_fork()


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return found


@pytest.mark.parametrize(("ended_by", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 130)])
def test_no_worker_outlives_an_attack_that_is_ended(ended_by: signal.Signals, code: int) -> None:
    run = subprocess.Popen(
        [sys.executable, SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == "0\n"  # two of the workers take minutes from here on, one waits
        workers = psutil.Process(run.pid).children(recursive=True)
        assert len(workers) == 3
        start = time.monotonic()
        # From the keyboard it comes to every process of the group.
        (os.killpg if ended_by == signal.SIGINT else os.kill)(run.pid, ended_by)
        _, said = run.communicate(timeout=30)
        until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers), 10)
        assert time.monotonic() - start < 15
        assert run.returncode == code
        assert said == ""
    finally:
        if run.poll() is None:
            run.kill()
