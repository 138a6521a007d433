"""What the C library does with memory that is freed."""

from __future__ import annotations

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``, as its ``malloc.h`` numbers them."""

LARGEST = 2**31 - 1


def keep_freed_memory() -> None:
    """Let this process keep freed memory for itself instead of returning it to the system.

    Otherwise glibc returns the activations of every training step, and the kernel hands them out again page by page.
    Peak memory stays what it is. Other C libraries are left as they are.
    """
    import ctypes
    import sys

    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(M_TRIM_THRESHOLD, LARGEST)
        library.mallopt(M_MMAP_THRESHOLD, LARGEST)
