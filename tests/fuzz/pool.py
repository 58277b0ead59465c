"""Workers in processes of their own: a crash or an endless loop becomes a failure of one seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

__all__ = ["run_seeds"]

ROOT = Path(__file__).absolute().parents[2]
PROGRAMS_A_PROCESS = 150  # compiled code is kept: a process is renewed now and then
PATIENCE = 240.0  # seconds for one program


def run_seeds(
    tasks: Iterable[dict[str, Any]],
    jobs: int,
    done: Callable[[dict[str, Any]], bool | None],
    patience: float = PATIENCE,
    worker: str = "tests.fuzz.worker",
) -> None:
    """Examine each task {"seed", "plan"} in one of `jobs` processes; `done` gets the answers, in any order.

    It may give True to end the run. A program that takes longer than `patience` seconds counts as crashed.
    """
    queue: SimpleQueue[dict[str, Any]] = SimpleQueue()
    for t in tasks:
        queue.put(t)
    lock = threading.Lock()
    ended = threading.Event()

    def serve() -> None:
        process: subprocess.Popen[str] | None = None
        count = 0
        while not ended.is_set():
            try:
                task = queue.get_nowait()
            except Empty:
                break
            if process is None or count >= PROGRAMS_A_PROCESS:
                _end(process)
                process, count = _start(worker), 0
            count += 1
            answer = _ask(process, task, patience)
            if answer is None:
                failure = {
                    "kind": "crashed",
                    "what": "process",
                    "detail": f"exit status {process.wait()}",
                    "reason": f"status {process.returncode}",
                }
                answer = {**task, "failures": [failure], "kinds": [], "pairs": []}
                process = None
            with lock:
                if done(answer):
                    ended.set()
        _end(process)

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def _start(worker: str) -> subprocess.Popen[str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(reversed(paths)), "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, "-m", worker],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        cwd=ROOT,
    )


def _ask(process: subprocess.Popen[str], task: dict[str, Any], patience: float) -> dict[str, Any] | None:
    """The answer, or None where the process is gone (or was ended for taking too long)."""
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(patience, process.kill)
    timer.start()
    try:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        return json.loads(line) if line else None  # type: ignore[no-any-return]
    except (BrokenPipeError, ValueError):
        return None
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[str] | None) -> None:
    if process is not None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
