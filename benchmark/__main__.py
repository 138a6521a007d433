"""``python -m benchmark``: the same as ``roast-bench``."""

import os
import sys
from pathlib import Path

import benchmark

# Python puts the present folder first on its path, where a file may have the name of a library, or metadata that make
# it a plug-in. It stays where this package itself is found there, as in a checkout.
if sys.path and os.path.abspath(sys.path[0]) == os.getcwd() != str(Path(benchmark.__file__).resolve().parent.parent):
    del sys.path[0]

from benchmark.command_line import main

main()
