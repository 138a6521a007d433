"""Work in three processes, to be ended from outside: two take minutes, and one waits for more."""

import signal
import sys
import time
from contextlib import closing

from benchmark.attacks.worker_processes import in_order


def work(row: int) -> int:
    if row:
        time.sleep(600)
    return row


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background inherits deaf ears
    try:
        with closing(in_order(work, range(3), 3)) as results:
            for result in results:
                sys.stdout.write(f"{result}\n")
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
