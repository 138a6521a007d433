import pytest

from benchmark import training_clock
from benchmark.training_clock import TrainingClock


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    times = {"wall": 100.0, "processor": 7.0}
    monkeypatch.setattr(training_clock.time, "perf_counter", lambda: times["wall"])
    monkeypatch.setattr(training_clock.time, "process_time", lambda: times["processor"])
    return times


def passes(now: dict[str, float], wall: float, processor: float) -> None:
    now["wall"] += wall
    now["processor"] += processor


def test_counts_while_it_goes(now: dict[str, float]) -> None:
    clock = TrainingClock()
    passes(now, 5, 5)
    clock.start()
    passes(now, 10, 20)
    with clock.stopped():
        passes(now, 1_000, 1_000)
    passes(now, 1, 2)
    assert (clock.seconds, clock.processor_seconds) == (11.0, 22.0)
    clock.stop()
    passes(now, 50, 50)
    with clock.stopped():
        passes(now, 50, 50)
    passes(now, 50, 50)
    assert (clock.seconds, clock.processor_seconds) == (11.0, 22.0)


def test_goes_on_where_an_interrupted_run_stopped(now: dict[str, float]) -> None:
    first = TrainingClock()
    first.start()
    passes(now, 10, 20)
    state = first.state()
    second = TrainingClock()
    second.start()
    passes(now, 3, 4)
    second.go_on_from(state)
    passes(now, 1, 1)
    second.stop()
    assert (second.seconds, second.processor_seconds) == (14.0, 25.0)


def test_a_checkpoint_without_times_makes_them_unknown(now: dict[str, float]) -> None:
    clock = TrainingClock()
    clock.start()
    clock.go_on_from({"loss": 1.0, "mini_batches": 4})
    passes(now, 3, 4)
    clock.stop()
    assert (clock.seconds, clock.processor_seconds) == (None, None)
    assert clock.state() == {"seconds": None, "processor_seconds": None}
