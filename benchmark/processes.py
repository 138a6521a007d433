"""Several processes that fine-tune each cell together, as torchrun starts them: the first leads, the others follow.

The first process does everything that one process alone would do, and says when the others are to take part: in looking
at the cells beforehand, and in each fine-tuning. It does so through the store that torchrun keeps for its processes,
where waiting costs nothing and may take days. A process group, whose exchanges have a time limit, exists only while
they train, one for each training: after a failure none is left in the middle of an exchange.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from benchmark.errors import UserError

PAUSE = 0.1
"""Seconds between two looks at what another process has to say."""

LONGEST_EXCHANGE = datetime.timedelta(minutes=10)
"""How long the processes of a training wait for each other; longer than writing a checkpoint takes."""


class Work(StrEnum):
    """What all processes do together."""

    CHECK = "check"
    TRAIN = "train"


@dataclass(frozen=True)
class Order:
    """What the first process says to the others."""

    number: int
    work: Work
    cells: tuple[str, ...]
    """Configuration hashes."""
    checkpoint: str | None = None
    """Name of the checkpoint to go on from."""


class FailedElsewhereError(RuntimeError):
    """Another process failed; its traceback is a note of this error."""


@dataclass(frozen=True)
class Processes:
    """The processes of this command, and which of them this one is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the first, or the only one."""
        return self.rank == 0

    @contextmanager
    def together(self, work: Work, cells: Sequence[str], checkpoint: str | None = None) -> Iterator[Order]:
        """In the first process: let the others take part in what the context does.

        Raises:
            UserError: another process cannot do it, for a reason that the user can put right.
            FailedElsewhereError: another process failed, and this one did not, or for no other reason.
        """
        if self.size == 1:
            yield Order(0, work, tuple(cells), checkpoint)
            return
        order = Order(int(_store().add("orders", 1)), work, tuple(cells), checkpoint)
        _post(f"order/{order.number}", asdict(order))
        own: Exception | None = None
        try:
            yield order
        except Exception as error:
            if work is Work.CHECK:
                raise  # the command ends here
            own = error
            self._answer(order, error)
        answers = [self._await_answer(order, rank) for rank in range(0 if own else 1, self.size)]
        failures = [answer for answer in answers if answer["kind"]]
        if not failures:
            return
        first = min(failures, key=lambda answer: (_is_consequence(answer), answer["place"]))
        if own is not None and first["rank"] == self.rank:
            raise own
        raise _as_error(first) from None

    def orders(self) -> Iterator[Order]:
        """In the other processes: what to take part in, until the first process says that nothing is left."""
        number = 0
        while True:
            number += 1
            if _await_one_of(f"order/{number}", "stop") == "stop":
                return
            given = _read(f"order/{number}")
            yield Order(given["number"], Work(given["work"]), tuple(given["cells"]), given["checkpoint"])

    @contextmanager
    def answering(self, order: Order) -> Iterator[None]:
        """In the other processes: tell the first one how an order was carried out; no exception leaves the context."""
        try:
            yield
        except Exception as error:
            self._answer(order, error)
        else:
            self._answer(order, None)

    @contextmanager
    def connected(self, order: Order) -> Iterator[None]:
        """In every process: a process group for the time of the context, once all of them are there.

        Raises:
            FailedElsewhereError: another process failed on its way here.
        """
        if self.size == 1:
            yield
            return
        import torch
        from torch.distributed.distributed_c10d import PrefixStore

        _post(f"ready/{order.number}/{self.rank}", True)
        for rank in range(self.size):
            ready, answer = f"ready/{order.number}/{rank}", _answer_key(order, rank)
            if _await_one_of(ready, answer) == answer:
                raise FailedElsewhereError(f"process {rank} failed before fine-tuning")
        gpu = torch.cuda.is_available()
        torch.distributed.init_process_group(
            "nccl" if gpu else "gloo",
            store=PrefixStore(f"training/{order.number}", _store()),
            rank=self.rank,
            world_size=self.size,
            timeout=LONGEST_EXCHANGE,
            device_id=torch.device("cuda", _local_rank()) if gpu else None,
        )
        try:
            yield
        finally:
            torch.distributed.destroy_process_group()

    def take_device(self) -> None:
        """Make this process's GPU, where there are any, the one that it uses.

        Raises:
            UserError: there are fewer GPUs than processes on this machine.
        """
        import torch

        if self.size == 1 or not torch.cuda.is_available():
            return
        here = int(os.environ.get("LOCAL_WORLD_SIZE", self.size))
        if here > torch.cuda.device_count():
            raise UserError(
                f"{here} processes on this machine, which has {torch.cuda.device_count()} GPUs, and each needs its "
                f"own; start at most so many: torchrun --nproc-per-node {torch.cuda.device_count()}."
            )
        torch.cuda.set_device(_local_rank())

    def stop(self) -> None:
        """In the first process: nothing is left to do for the others."""
        _post("stop", True)

    def leave(self, reason: str) -> None:
        """In the other processes: say that this one does not take part, because of a mistake of the user's."""
        _post(f"left/{self.rank}", {"kind": UserError.__name__, "message": reason, "traceback": "", "place": 0})

    def await_stop(self) -> None:
        """In the other processes: wait until the first one has nothing left to do."""
        _await_one_of("stop")

    def _answer(self, order: Order, error: Exception | None) -> None:
        answer = {"kind": None, "message": "", "traceback": "", "place": 0}
        if error is not None:
            answer = {
                "kind": type(error).__name__,
                "message": str(error),
                "traceback": "".join(traceback.format_exception(error)),
                "place": int(_store().add(f"failures/{order.number}", 1)),
            }
        _post(_answer_key(order, self.rank), answer)

    def _await_answer(self, order: Order, rank: int) -> dict[str, Any]:
        found = _await_one_of(_answer_key(order, rank), f"left/{rank}")
        return {**_read(found), "rank": rank}


ONE_PROCESS = Processes()
"""A command that runs in one process."""


def started_processes() -> Processes:
    """The processes of this command, as torchrun tells each of them."""
    if not all(name in os.environ for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")):
        return ONE_PROCESS
    return Processes(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def _is_consequence(answer: dict[str, Any]) -> bool:
    """Whether an answer only says that another process failed."""
    return answer["kind"] in (FailedElsewhereError.__name__, "OtherProcessFailedError")


def _as_error(answer: dict[str, Any]) -> Exception:
    if answer["kind"] == UserError.__name__:
        return UserError(f"process {answer['rank']}: {answer['message']}")
    error = FailedElsewhereError(f"process {answer['rank']}: {answer['kind']}: {answer['message']}")
    error.add_note(answer["traceback"])
    return error


def _answer_key(order: Order, rank: int) -> str:
    return f"answer/{order.number}/{rank}"


def _local_rank() -> int:
    return int(os.environ["LOCAL_RANK"])


@functools.cache
def _store() -> Any:
    """What torchrun keeps for its processes, under a name that no library takes."""
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://"))
    return PrefixStore("roast-bench", store)


def _post(key: str, content: Any) -> None:
    _store().set(key, json.dumps(content))


def _read(key: str) -> Any:
    return json.loads(_store().get(key))


def _await_one_of(*keys: str) -> str:
    """The first of some keys that is there; waits without an end, which comes from torchrun where a process dies."""
    is_there: Callable[[list[str]], bool] = _store().check
    while True:
        for key in keys:
            if is_there([key]):
                return key
        time.sleep(PAUSE)
