"""A limit on the time of what runs in the main thread."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["TimeUp", "time_limit"]


class TimeUp(BaseException):
    """The time is over. No Exception, so that nothing under test takes it for an error of its own."""


@contextmanager
def time_limit(seconds: float, error: type[BaseException] = TimeUp) -> Iterator[None]:
    """`error` is raised in the main thread when the time is over, wherever it is."""

    def stop(*_: object) -> None:
        raise error

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
