"""Which code, packages and machine a result came from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import benchmark
from leaderboard.record import Code, Machine

PACKAGES = (
    "accelerate",
    "datasets",
    "numpy",
    "scikit-learn",
    "textattack",
    "tokenizers",
    "torch",
    "transformers",
)
"""Packages whose versions shape results."""


def package_versions() -> dict[str, str]:
    """Installed version of each of `PACKAGES`."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def code_version() -> Code:
    """This package's version; with the commit, and whether it has changes, where it runs from a git checkout."""
    checkout = Path(benchmark.__file__).resolve().parent.parent
    commit = dirty = None
    if (checkout / ".git").exists():
        commit = _git(checkout, "rev-parse", "HEAD")
        status = _git(checkout, "status", "--porcelain", "--untracked-files=no")
        dirty = None if status is None else bool(status)
    return Code(version=benchmark.__version__, commit=commit, dirty=dirty)


def machine(processes: int = 1) -> Machine:
    """Device, processor and system.

    Args:
        processes: that fine-tuned together.
    """
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return Machine(
        device=device,
        processor=_processor(),
        threads=torch.get_num_threads(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        processes=processes,
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(folder: Path, *command: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *command],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
