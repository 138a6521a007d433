"""The ``roast-bench`` command.

Exit codes: 0 done; 1 a cell failed, or a fault inside; 2 a mistake of the user's, in one line; 130 interrupted.

The modules here import what they carry out inside the functions, so that ``--help`` answers at once.
"""

from benchmark.command_line.app import main

__all__ = ["main"]
