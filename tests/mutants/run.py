"""Runs mutants, each in a process of its own that is forked from this one, with a limit on its time."""

from __future__ import annotations

import os
import select
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.mutants.targets import Mutant

KILLED, SURVIVED, INVALID = "killed", "survived", "invalid"


@dataclass
class Result:
    mutant: Mutant
    outcome: str
    by: str = ""  # what noticed it


def run(mutants: Sequence[Mutant], *, workers: int = 2, seconds: float = 60.0) -> Iterator[Result]:
    """The results, as they come. What takes too long counts as noticed."""
    todo = list(reversed(mutants))
    running: dict[int, tuple[int, Mutant]] = {}
    while todo or running:
        while todo and len(running) < workers:
            mutant = todo.pop()
            fd, pid = _start(mutant, seconds)
            running[fd] = (pid, mutant)
        ready, _, _ = select.select(list(running), [], [])
        for fd in ready:
            pid, mutant = running.pop(fd)
            with os.fdopen(fd, "rb") as pipe:
                outcome, _, by = pipe.read().decode(errors="replace").partition("\n")
            _, status = os.waitpid(pid, 0)
            if outcome not in (KILLED, SURVIVED, INVALID):  # it died: of the alarm, or of a crash
                outcome, by = KILLED, f"signal {os.waitstatus_to_exitcode(status)}"
            yield Result(mutant, outcome, by)


def _start(mutant: Mutant, seconds: float) -> tuple[int, int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return reader, pid
    try:
        os.close(reader)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        os.write(writer, "\n".join(_outcome(mutant)).encode()[:2000])
    finally:
        os._exit(0)


def _outcome(mutant: Mutant) -> tuple[str, str]:
    try:
        mutant.apply()
    except Exception:
        return INVALID, traceback.format_exc(limit=-1)
    try:
        mutant.check()
    except BaseException as e:
        return KILLED, f"{type(e).__name__}: {str(e)[:300]}"
    return SURVIVED, ""
