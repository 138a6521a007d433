from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["leaderboard", "leaderboard.record"])
def test_reading_records_loads_no_plotting_and_no_tables(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print(*sorted({'pandas', 'matplotlib', 'tabulate', 'numpy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
