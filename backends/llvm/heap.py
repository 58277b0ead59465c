"""What the C library does with memory that is freed.

A gradient of a loop over arrays keeps an array a step, and frees them all: glibc gives such memory back to the system at
once, and the next call's first touch of each page costs more than the arithmetic on it. `keep_freed_memory` asks for what
glibc does by itself in a process that has freed one array of 32 MB: to serve arrays up to that size from its heap; and to
keep 128 MB of it. Who sets MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_ or GLIBC_TUNABLES is left to it.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
SERVED, KEPT = 32 << 20, 128 << 20
SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


@functools.cache
def keep_freed_memory() -> None:
    """For this process, once."""
    if platform.libc_ver()[0] == "glibc" and not any(name in os.environ for name in SETTINGS):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, SERVED)
        mallopt(M_TRIM_THRESHOLD, KEPT)
