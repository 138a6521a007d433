"""Writing a leaderboard, with its errors as the user's mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import UserError
from leaderboard.record import RecordError
from leaderboard.write import WrittenLeaderboard, write_leaderboard


def publish(record_folders: Sequence[Path], out: Path) -> WrittenLeaderboard:
    """Write the leaderboard of all records below the folders; no folder is made where there are none.

    Raises:
        UserError: a folder holds no record, a record cannot be used, or the output folder cannot be written.
    """
    try:
        return write_leaderboard(record_folders, out)
    except RecordError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        from benchmark.run import cannot_be_written  # all of training comes with it, which no leaderboard needs

        raise cannot_be_written(out, error) from None
