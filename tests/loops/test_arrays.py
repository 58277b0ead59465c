"""Loops that update one element of an array in each trip, and loops that make a step of a whole array: memory, and growth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import irad
from tests.loops.arrays import ELEMENTS, PROGRAMS, STEPS, TRIPS, point

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE = 10**6
SLACK = 2**19  # bytes
LARGE = 10**5


def measured(name: str, size: int) -> dict:
    command = [sys.executable, "-m", "tests.loops.arrays", name, str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", [f.__name__ for f in ELEMENTS])
def test_one_element_a_trip(name: str) -> None:
    """No copy of the array a trip; three arrays and 16 bytes a trip at most, beyond the argument."""
    found = measured(name, SIZE)
    assert found["value"] <= 8 * SIZE + SLACK
    assert found["gradient"] <= (3 * 8 + 16) * SIZE + SLACK


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", [f.__name__ for f in STEPS])
def test_one_array_a_step(name: str) -> None:
    """The gradient of 100 steps keeps one array a step at most, and a few for its work."""
    found = measured(name, LARGE)
    assert found["value"] <= 8 * 8 * LARGE + SLACK
    assert found["gradient"] <= (TRIPS + 8) * 8 * LARGE + SLACK


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
def test_gradients_are_right(name: str, backend: str) -> None:
    f = PROGRAMS[name]
    x = point(200)
    along = np.cos(np.arange(200.0))
    h = 1e-5
    slope = (f(x + h * along) - f(x - h * along)) / (2 * h)
    value, gradient = irad.compile(irad.value_and_grad(f), backend=backend)(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-11)
    np.testing.assert_allclose(gradient @ along, slope, rtol=1e-6)
