"""A Ray cluster: joined or started, looked at, left."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import benchmark
from benchmark.attacks.worker_processes import cores
from benchmark.errors import UserError
from benchmark.progress import Reporter

AUTO = "auto"
"""The address of the cluster that this machine is a node of."""

CONNECT_WITHIN = 10.0
"""Seconds that the head may take to answer."""

ANSWER_WITHIN = 180.0
"""Seconds that a node may take to start a process and answer."""

OBJECT_STORE = 256 << 20
"""Bytes of shared memory for what is on its way between processes, in a cluster started here."""

LONGEST_FOLDER = 40
"""Characters of the folder that Ray makes its sockets in: their whole names must stay below 108."""

HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]+):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class Declared:
    """What each cell is given."""

    cpus: int = 1
    gpus: float | None = None
    """None is one where the cluster has any."""


ONE_PROCESSOR = Declared()
"""Where nothing is declared."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    id: str
    name: str
    """For people: its address, and the begin of its id, since several may share an address."""
    cpus: float
    gpus: float


def require_ray() -> None:
    """Refuse to go on without Ray.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError('--executor ray: the package ray is not installed; pip install "roast-bench[ray]" brings it.')


@contextmanager
def ray_cluster(address: str | None) -> Iterator[Any]:
    """The package ray, connected to a cluster; what was started here is stopped in the end, nothing else is.

    Args:
        address: HOST:PORT of the head, or ``auto``; None starts a cluster of this machine alone.

    Raises:
        UserError: Ray is not installed, there is no cluster at the address, or it cannot be joined from here.
    """
    require_ray()
    if address is not None:
        check_address(address)
    # Read when ray is loaded, and by the processes that it starts.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # without it, a warning; GPUs are hidden here
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # tries to reach a head that accepts connections, of 40 s
    import ray

    if ray.is_initialized():
        raise UserError("--executor ray: this process is connected to a cluster already; call ray.shutdown() first.")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with contextlib.ExitStack() as stack:
        # Ray prints what befalls its processes to standard output, which is for the results; its logs have it too.
        silence = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(silence))
        if address is None:
            folder = _folder_for_sockets()
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            options: dict[str, Any] = {
                "address": "local",
                "num_cpus": cores(),
                "object_store_memory": OBJECT_STORE,
                "include_dashboard": False,
                "_temp_dir": folder,
            }
        else:
            options = {"address": address}
        stack.callback(ray.shutdown)
        try:
            ray.init(**options, **quiet)
        except (OSError, RuntimeError, ValueError) as error:  # ConnectionError, other versions of Ray or Python, …
            what = "a Ray cluster cannot be started here" if address is None else f"--ray-address {address}"
            raise UserError(f"{what}: {_first_sentence(error)}.") from None
        yield ray


def nodes(ray: Any) -> list[Node]:
    """The machines that are alive."""
    return [
        Node(
            id=str(found["NodeID"]),
            name=f"{found['NodeManagerAddress']} ({str(found['NodeID'])[:6]})",
            cpus=float(found["Resources"].get("CPU", 0)),
            gpus=float(found["Resources"].get("GPU", 0)),
        )
        for found in ray.nodes()
        if found["Alive"]
    ]


def gpus_of_a_cell(declared: Declared, machines: Sequence[Node]) -> float:
    """GPUs of each cell: as declared, or one where the cluster has any."""
    if declared.gpus is not None:
        return declared.gpus
    return 1.0 if any(node.gpus for node in machines) else 0.0


def able(machines: Sequence[Node], cpus: int, gpus: float) -> list[Node]:
    """The machines that can run a cell when nothing else runs there."""
    return [node for node in machines if node.cpus >= cpus and node.gpus >= gpus]


def require_able(machines: Sequence[Node], cpus: int, gpus: float) -> list[Node]:
    """The machines that can run a cell.

    Raises:
        UserError: there are none, so that cells would wait for ever.
    """
    found = able(machines, cpus, gpus)
    if found:
        return found
    most_cpus = max((node.cpus for node in machines), default=0)
    most_gpus = max((node.gpus for node in machines), default=0)
    option, most = ("--cell-gpus", most_gpus) if gpus > most_gpus else ("--cell-cpus", most_cpus)
    value = gpus if option == "--cell-gpus" else cpus
    beside = "" if value > most else f" beside {gpus:g} GPUs"
    raise UserError(
        f"{option} {value:g}: no node of the cluster has that many{beside}; "
        f"there are {len(machines)} nodes with at most {most_cpus:g} CPUs and {most_gpus:g} GPUs."
    )


def check_nodes(ray: Any, machines: Sequence[Node], reporter: Reporter) -> None:
    """Refuse nodes without this version of roast-bench; say where packages that shape results differ.

    Raises:
        UserError: which node has another version or none, or does not answer.
    """
    from benchmark.provenance import package_versions

    def look() -> tuple[str | None, dict[str, str]]:
        try:
            import benchmark
            from benchmark.provenance import package_versions
        except ImportError:
            return None, {}
        return benchmark.__version__, package_versions()

    asked = {node: _on(ray, node, look).remote() for node in machines}
    here = package_versions()
    for node, answer in asked.items():
        try:
            version, packages = ray.get(answer, timeout=ANSWER_WITHIN)
        except ray.exceptions.GetTimeoutError:
            raise UserError(f"node {node.name} does not answer within {ANSWER_WITHIN:.0f} s; remove it.") from None
        except ray.exceptions.RayError as error:
            reporter.say(f"node {node.name} could not be looked at: {_first_sentence(error)}")
            continue
        if version != benchmark.__version__:
            there = "is not installed" if version is None else f"is version {version}"
            raise UserError(
                f"node {node.name}: roast-bench {there} there and {benchmark.__version__} here; install the same "
                "version, with the same extras and plug-in packages, on every node."
            )
        other = [f"{name} {packages.get(name)}" for name, value in here.items() if packages.get(name) != value]
        if other:
            reporter.say(f"node {node.name} has other versions than this machine: {', '.join(other)}")


def this_node(ray: Any) -> str:
    """Id of the node that this process is connected to."""
    return str(ray.get_runtime_context().get_node_id())


def pinned(node_id: str) -> Any:
    """The scheduling strategy of what must run on one node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=node_id, soft=False)


def _on(ray: Any, node: Node, function: Any) -> Any:
    return ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=pinned(node.id))(function)


def check_address(address: str) -> None:
    """Refuse what is no address, or one where nobody listens: Ray itself would try for minutes.

    Raises:
        UserError: says how an address is written, or that nobody answers.
    """
    if address == AUTO:
        return
    found = HOST_AND_PORT.fullmatch(address)
    if not found or int(found["port"]) > 65535:
        raise UserError(
            f"--ray-address {address}: write HOST:PORT of the cluster's head, such as 10.0.0.1:6379, or {AUTO} for the "
            "cluster that this machine is a node of."
        )
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), timeout=CONNECT_WITHIN).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"--ray-address {address}: nobody answers there ({reason}); start a cluster with `ray start --head`."
        ) from None


def _folder_for_sockets() -> str:
    folder = tempfile.mkdtemp(prefix="rb-ray-")
    if len(folder) > LONGEST_FOLDER:
        shutil.rmtree(folder)
        folder = tempfile.mkdtemp(prefix="rb-ray-", dir="/tmp")
    return folder


def _first_sentence(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return re.split(r"(?<=[a-z)])\. ", text, maxsplit=1)[0].rstrip(".")
