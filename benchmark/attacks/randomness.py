"""The global random generators that attacks draw from: Python's, NumPy's and torch's."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def global_generators_restored() -> Iterator[None]:
    """Put the three global generators back into their present states at the end of the block."""
    import numpy as np
    import torch

    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002  (TextAttack draws from the global generator)
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if _cuda_in_use() else ()):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def seed_global_generators(seed: int, position: int) -> None:
    """Seed the three global generators from a run's seed and the position of an example in its data."""
    import numpy as np
    import torch

    # A hash spreads neighbouring pairs apart; seed + position would give (0, 1) and (1, 0) the same stream.
    digest = hashlib.sha256(f"{seed}:{position}".encode()).digest()
    random.seed(int.from_bytes(digest[:8], "big"))
    np.random.seed(int.from_bytes(digest[8:12], "big"))  # noqa: NPY002
    torch_seed = int.from_bytes(digest[12:19], "big")
    torch.default_generator.manual_seed(torch_seed)
    if _cuda_in_use():
        torch.cuda.manual_seed_all(torch_seed)


def _cuda_in_use() -> bool:
    """Whether CUDA is initialized. Where it is not, seeding it would be put off until it is, past our block."""
    import torch

    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call,unused-ignore]
