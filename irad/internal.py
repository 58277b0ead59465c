"""Failures of irad itself: the program at hand is saved, and the message says how to see the failure again.

irad failed in the pass inline: AssertionError
This is an error of irad, not of your program. The program is in /tmp/irad-x1y2/f.irad, and this repeats it:
  python -m irad opt /tmp/irad-x1y2/f.irad --passes inline
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from irad.errors import CompileError, InternalError, refuse

__all__ = ["ours", "too_deep"]

FULL = 0.6  # of Python's stack: used by the user's own calls, it is not irad that is nested too deeply


@contextmanager
def ours(what: str, text: Callable[[], str], command: str | None) -> Iterator[None]:
    """Whatever goes wrong inside is irad's own failure, but for refusals.

    what: where, in words. text: the program, to be saved. command: what repeats the failure, with {file} in it; None where
    nothing does.
    """
    try:
        yield
    except (CompileError, MemoryError):
        raise
    except InternalError as e:
        if e.saved:
            raise
        raise _report(what, str(e), text, command) from e
    except RecursionError as e:
        raise too_deep(e) from None
    except Exception as e:
        interruption = _interruption(e)
        if interruption is not None:
            raise interruption from None
        raise _report(what, f"{type(e).__name__}: {e}".rstrip(": "), text, command) from e


def too_deep(e: RecursionError) -> Exception:
    """What to raise where Python's stack ran out: the same, if the user's own calls fill it."""
    if _depth() > FULL * sys.getrecursionlimit():
        return e
    return refuse(
        "source-too-deep",
        "this is nested too deeply: Python's stack ran out while it was compiled",
        help="break expressions into statements, and put nested tuples into arrays; or raise sys.setrecursionlimit",
    )


def _interruption(e: BaseException | None) -> BaseException | None:
    """What a signal's handler raised, between any two lines: the exception, or one on the way out of which it came up."""
    import signal
    import traceback

    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    while e is not None:
        if isinstance(e, KeyboardInterrupt) or any(f.f_code in handlers for f, _ in traceback.walk_tb(e.__traceback__)):
            return e
        e = e.__context__
    return None


def _report(what: str, why: str, text: Callable[[], str], command: str | None) -> InternalError:
    lines = [f"irad failed in {what}: {why}", "This is an error of irad, not of your program."]
    import tempfile  # only where something went wrong

    try:
        file = os.path.join(tempfile.mkdtemp(prefix="irad-"), "program.irad")
        with open(file, "w", encoding="utf-8") as f:
            f.write(text())
    except Exception as e:
        lines.append(f"The program could not be saved: {e}")
    else:
        lines[-1] += f" The program is in {file}"
        if command is not None:
            lines[-1] += ", and this repeats it:"
            lines.append(f"  python -m irad {command.format(file=file)}")
    error = InternalError("\n".join(lines))
    error.saved = True
    return error


def _depth() -> int:
    """How many Python calls are running."""
    frame, count = sys._getframe(), 0
    while frame is not None:
        frame, count = frame.f_back, count + 1  # type: ignore[assignment]
    return count
