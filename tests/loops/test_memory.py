"""Ten million trips, forward and in reverse: on a small native stack, with the memory that `irad.ir(...).residuals` lists."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import irad
from tests.derivatives.oracles import BACKENDS, agree, derivative
from tests.loops.measure import LOOPS

TRIPS = 10**7
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", ["sines", "counted_down", "two_states", "left", "rows"])
def test_ten_million_trips(name: str) -> None:
    command = [sys.executable, "-m", "tests.loops.measure", name, str(TRIPS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    agree(*found["value"])
    agree(*found["gradient"], rtol=1e-6)
    assert found["forward"] < 2**20
    per_trip = sum(bytes for _, bytes, _ in listed(found["residuals"], name))
    growing = 1.25 if name in ("counted_down", "left") else 1.01  # a stack that grows leaves what it moves from to the heap
    assert 0.98 * TRIPS * per_trip <= found["reverse"] + 2**20
    assert found["reverse"] <= growing * TRIPS * per_trip + 2**20


def listed(residuals: list, name: str) -> list:
    """The residuals of one trip of the innermost loop."""
    return residuals if name != "rows" else [r for r in residuals if r[1] == 8]


EXPECTED = {"sines": 8, "counted_down": 8, "branches": 8, "two_states": 16, "linear": 0, "left": 8}


@pytest.mark.parametrize("name", EXPECTED)
def test_loops_store_their_state_at_most(name: str) -> None:
    """8 bytes for each variable that the loop carries and its derivative reads; the rest is computed again."""
    program = irad.ir(irad.grad(LOOPS[name]), 0.4, 10)
    assert sum(r.bytes for r in program.residuals) <= EXPECTED[name], program.residuals


# -- Lotka-Volterra by the classical Runge-Kutta method ------------------------------------------------------------------------


def slopes(x, y, a, b, c, d):
    return a * x - b * x * y, c * x * y - d * y


def lotka_volterra(x, y, a, b, c, d, h, n):
    for _ in range(n):
        p1, q1 = slopes(x, y, a, b, c, d)
        p2, q2 = slopes(x + 0.5 * h * p1, y + 0.5 * h * q1, a, b, c, d)
        p3, q3 = slopes(x + 0.5 * h * p2, y + 0.5 * h * q2, a, b, c, d)
        p4, q4 = slopes(x + h * p3, y + h * q3, a, b, c, d)
        x += h / 6.0 * (p1 + 2.0 * p2 + 2.0 * p3 + p4)
        y += h / 6.0 * (q1 + 2.0 * q2 + 2.0 * q3 + q4)
    return x + math.log(y)


ARGUMENTS = (10.0, 5.0, 1.1, 0.4, 0.1, 0.4, 0.01, 30)


@pytest.mark.parametrize("argnums", [0, (0, 1), (2, 3, 4, 5), (0, 1, 2, 3, 4, 5, 6)], ids=str)
def test_runge_kutta_stores_two_numbers_a_step(argnums) -> None:
    program = irad.ir(irad.value_and_grad(lotka_volterra, argnums=argnums), *ARGUMENTS)
    assert [r.bytes for r in program.residuals] == [8, 8]
    assert {r.name for r in program.residuals} == {"x", "y"}
    assert all("test_memory.py" in r.line for r in program.residuals)


@pytest.mark.parametrize("backend", BACKENDS)
def test_runge_kutta_gradient(backend) -> None:
    wanted = tuple(derivative(lotka_volterra, ARGUMENTS, (k,)) for k in range(7))
    agree(irad.compile(irad.grad(lotka_volterra, argnums=tuple(range(7))), backend=backend)(*ARGUMENTS), wanted)


def test_a_fixed_number_of_trips_needs_no_more() -> None:
    """Integers, invariants and what is linear are never stored, however many there are."""

    def f(x, a, b, n):
        s = 0.0
        for i in range(n):
            k = (i * i + 3) % 7
            s = s + a * b * k + x * math.sin(b)
        return s

    assert irad.ir(irad.grad(f, argnums=(0, 1, 2)), 1.0, 2.0, 3.0, 5).residuals == []
