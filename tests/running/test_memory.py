"""Nothing stays in memory: a tenth of what `python -m tests.running.memory` does, in a process of its own."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest
from irad.backends.llvm.objects import live_bytes

import irad
from tests.running.interrupts import PROGRAMS, seconds_to_stop


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_nothing_stays() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.running.memory", "--part", "10"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_counter_has_what_results_keep() -> None:
    before = live_bytes()
    f = irad.compile(lambda x: (2.0 * x, x.sum()))
    results = [f(np.ones(10_000))[0] for _ in range(3)]
    assert live_bytes() - before >= 3 * 80_000
    view = results[0][:5]
    del results
    gc.collect()
    assert 80_000 <= live_bytes() - before < 100_000
    del view
    gc.collect()
    assert live_bytes() == before


@pytest.mark.parametrize("name", ["small arrays", "large arrays", "arrays of unknown size", "lists", "a gradient"])
def test_interrupted_calls_free_their_blocks(name: str) -> None:
    p = PROGRAMS[name]
    f = irad.compile(p.function)
    f(*p.brief)
    before = live_bytes()
    seconds_to_stop(f, p.endless, 0.05)
    assert live_bytes() == before
