"""Options that say where cells run."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.errors import UserError

if TYPE_CHECKING:
    from benchmark.executors.ray_cluster import Declared

ADDRESS_VARIABLE = "RAY_ADDRESS"
"""Environment variable of Ray's own that stands for --ray-address."""


class ExecutorName(StrEnum):
    """Where cells run."""

    LOCAL = "local"
    RAY = "ray"


Executor = Annotated[
    ExecutorName, typer.Option(help="local: one after the other in this process; ray: at the same time on a cluster.")
]

RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Head of the Ray cluster, or auto; by default RAY_ADDRESS, or else a cluster of this machine alone.",
    ),
]

CellCpus = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Processor cores of each cell on a cluster; 1 by default.")
]

CellGpus = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=0,
        help="GPUs of each cell on a cluster, or the part of one that it takes; by default 1 where there are any.",
    ),
]


@dataclass(frozen=True)
class OnCluster:
    """A cluster, and what each cell is given there."""

    address: str | None
    """None is a cluster of this machine alone."""
    declared: Declared


def chosen_cluster(
    executor: ExecutorName, address: str | None, cpus: int | None, gpus: float | None
) -> OnCluster | None:
    """The values of --executor, --ray-address, --cell-cpus and --cell-gpus; None where cells run in this process.

    Raises:
        UserError: an option is for clusters alone, a number of GPUs cannot be given to a cell, Ray is not installed,
            or there is no cluster at the address.
    """
    if executor is ExecutorName.LOCAL:
        for option, value in {"--ray-address": address, "--cell-cpus": cpus, "--cell-gpus": gpus}.items():
            if value is not None:
                raise UserError(f"{option} {value}: is for cells on a cluster; give --executor ray too.")
        return None
    if gpus is not None and (not math.isfinite(gpus) or (gpus > 1 and gpus != int(gpus))):
        raise UserError(f"--cell-gpus {gpus:g}: give a part of one GPU, such as 0.5, or a whole number.")
    from benchmark.executors.ray_cluster import Declared, check_address, require_ray

    require_ray()
    where = address or os.environ.get(ADDRESS_VARIABLE) or None
    if where is not None:
        check_address(where)
    return OnCluster(where, Declared(cpus=cpus or 1, gpus=gpus))
