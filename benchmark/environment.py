"""Environment variables that stand for options of the command line."""

MIRROR_VARIABLE = "ROAST_BENCH_MIRROR"
"""Folder that hub data sets are read from instead of the hub."""

TRANSFER_SETS_VARIABLE = "ROAST_BENCH_TRANSFER_SETS"
"""Folder of the transfer sets."""

UNPICKLE_TAGGERS_VARIABLE = "ROAST_BENCH_UNPICKLE_TAGGERS"
"""Whether flair's taggers, whose files are pickles that can run code, may be loaded: 1 for yes."""
