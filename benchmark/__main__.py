"""``python -m benchmark``: the same as ``roast-bench``."""

from benchmark.command_line import main

main()
