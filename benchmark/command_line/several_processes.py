"""A command that torchrun has started several times: the first process speaks, and the others end with it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from benchmark.errors import UserError
from benchmark.processes import started_processes

FOR_SEVERAL = "run"
"""The verb that several processes carry out together."""


def check_verb(words: Sequence[str], verbs: Collection[str]) -> None:
    """Refuse a verb that is for one process.

    Raises:
        UserError: this command was started several times.
    """
    size = started_processes().size
    if size > 1 and words and words[0] in verbs and words[0] != FOR_SEVERAL:
        raise UserError(f"{words[0]}: is for one process, and torchrun started {size}; start it without torchrun.")


@contextmanager
def ending_together() -> Iterator[None]:
    """Leave the context when the first process has done its work, which the others do in silence.

    Their mistakes become known to it: torchrun kills everything when one process ends with an error, perhaps before
    the first one has said what is wrong.
    """
    processes = started_processes()
    if processes.size == 1:
        os.environ.pop("LOCAL_RANK", None)  # by which the Trainer would look for others
        yield
        return
    if processes.leads:
        try:
            yield
        finally:
            processes.stop()
        return
    said = io.StringIO()
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(said):
            yield
    except SystemExit as left:
        if left.code:
            processes.leave(said.getvalue().strip().splitlines()[-1].removeprefix("roast-bench: "))
    processes.await_stop()
    sys.exit(0)
