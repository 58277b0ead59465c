"""The one lock of everything that compiles: types, which are interned, programs, LLVM. A fork waits for it, so that a child
finds all of it whole and free. Calls of compiled code do not take it."""

from __future__ import annotations

import os
import threading

__all__ = ["LOCK"]

LOCK = threading.RLock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)
