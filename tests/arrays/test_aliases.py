"""Names that stand for different objects on paths that meet: as in Python, or refused; never something else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import irad


@dataclass
class State:
    a: Any
    b: float


RIGHT: list[Callable[..., Any]] = []  # compiled and as in Python
SAFE: list[Callable[..., Any]] = []  # as in Python, or refused


def right(f: Callable[..., Any]) -> Callable[..., Any]:
    RIGHT.append(f)
    return f


def safe(f: Callable[..., Any]) -> Callable[..., Any]:
    SAFE.append(f)
    return f


@right
def rebound_in_a_loop(x, n):
    for _ in range(n):
        x = 0.5 * x + 1.0
    return x


@right
def euler_steps(x, n):
    y = x.copy()
    while n > 0:
        y = y + 0.1 * np.sin(y)
        n -= 1
    y[0] = 7.0
    return y.sum() + x[0]


@right
def accepted_or_not(x, n):
    best = x
    for i in range(n):
        trial = best - 0.1 * i
        if (trial * trial).sum() < (best * best).sum():
            best = trial
    return best


@right
def buffers_swapped(x, n):
    u, v = x.copy(), np.zeros(3)
    for _ in range(n):
        for i in range(3):
            v[i] = 0.5 * u[i] + 0.25 * u[i - 1]
        u, v = v, u
    return u + 2.0 * v


@right
def one_of_two_arguments(x, n):
    y = x + 1.0
    z = x if n > 1 else y
    return (z * z).sum()


@right
def written_after_a_branch(x, n):
    if n > 1:
        z = np.zeros(3)
    else:
        z = np.ones(3)
    z[1] = x[0]
    return z


@right
def lists_in_a_loop(x, n):
    state = [x[0], x[1]]
    for i in range(n):
        state = [state[1], state[0] * 0.5 + i]
    state[0] += 1.0
    return state


@right
def list_of_arrays(x, n):
    layers = [x, 2.0 * x]
    for _ in range(n):
        layers = [0.5 * a for a in layers]
    return layers[0] + layers[1]


@right
def picked_in_a_call(x, n):
    def larger(a, b):
        return a if a.sum() > b.sum() else b

    return larger(x, x * n) * 2.0


@right
def returned_from_a_loop(x, n):
    for _ in range(n):
        x = x * 2.0
        if x[0] > 5.0:
            return x
    return x - 1.0


@right
def left_by_a_break(x, n):
    y = x.copy()
    while True:
        if (y * y).sum() < 0.001 * (n + 1):
            break
        y = 0.5 * y
    return y * x


@right
def state_begins_as_what_is_captured(x, n):
    y, z = x, x
    for i in range(n):
        trial = 0.8 * y + np.sum(x) - 0.1 * i
        y, z = (trial if trial.sum() < y.sum() else y), z + x[0] * x
    return y + z


@right
def field_of_an_object(x, n):
    s = State(x, x[0])
    for i in range(n):
        s.a = s.a * 0.9 + s.b
        s.a[i % 3] += 1.0
        s.b = 0.5 * s.b
    return s.a * s.b


@right
def dicts_in_a_loop(x, n):
    p = {"a": x[0], "b": x[1]}
    for _ in range(n):
        p = {"a": p["b"], "b": p["a"] + 1.0}
    return p["a"] - p["b"]


@right
def base_of_a_reshape_written(x, n):
    y = np.zeros((2, 3))
    y[0] = x
    y[1, :] = y[0] * n
    z = y.reshape(6)
    y[0, 0] = 9.0 * x[1]
    return z[:3] + z[3:]


@right
def array_or_a_view_of_it(x, n):
    z = x if n > 1 else x[::-1]
    return z[0] + 2.0 * z[1]


@right
def new_array_or_argument(x, n):
    z = x if n > 1 else x + 1.0
    return (x if n > 2 else 2.0 * z).sum()


@right
def views_of_different_kinds(x, n):
    m = np.array([x, 2.0 * x, 3.0 * x])
    z = m[0] if n > 1 else m[:, 1]
    return (z if n > 2 else m.T[2][::-1]).copy()


@right
def reversed_in_a_loop(x, n):
    y = x + 1.0
    for i in range(n):
        y = y[::-1]
        if i > 1:
            y = y[::-1] * 2.0
    return y


@right
def recursion_that_gives_back_its_argument(x, n):
    def halved(t, k):
        return t if k <= 0 else halved(0.5 * t, k - 1)

    return halved(x, n) + halved(x[::-1], n - 1)


@safe
def base_written_after_a_view_of_it(x, n):
    y = x.copy()
    z = y if n > 1 else y[::-1]
    y[0] = 7.0
    return z[2] + z[0]


@safe
def view_written_that_may_be_its_base(x, n):
    y = x.copy()
    if n > 1:
        z = y[1:]
    else:
        z = y[:2][::-1]
    z[0] = 7.0
    return y


@safe
def base_written_through_another_view(x, n):
    y = x.copy()
    w = y[1:]
    z = y[:2] if n > 1 else y[::2]
    w[0] = 7.0
    return z


@safe
def named_in_a_branch_and_written(x, n):
    w = x.copy()
    z = (w := x + 1.0) if n > 1 else x
    w[0] = 7.0
    return z


@safe
def written_argument_that_is_given_back(x, n):
    def last(t, k):
        if k <= 0:
            return t
        return last(0.5 * t, k - 1)

    y = x.copy()
    z = last(y, n - 1)
    y[0] = 7.0
    return z


@safe
def view_of_what_a_branch_has_made(x, n):
    t = x.copy()
    if n > 1:
        t = x * 2.0
        z = t[1:]
    else:
        z = x[:2][::-1]
    t[1] = 7.0
    return z


@safe
def base_of_unknown_layout_reshaped(x, n):
    y = (np.ones((3, 2)) * n).T * x
    y[0, 0] += 2.0
    y[1] += x
    z = y.reshape(6)
    y[0, 1] = 9.0 * x[0]
    return z[:3] - z[3:]


@safe
def other_name_written_before_the_loop_ends(x, n):
    y = x.copy()
    z = y
    for _ in range(n):
        y = y * 0.5
        z[0] = 5.0
    return y + z


@safe
def other_name_read_after_a_write(x, n):
    y = x.copy()
    z = y
    if n > 1:
        y = y * 2.0
    y[0] = 9.0
    return z + y


@safe
def candidate_written_after_the_join(x, n):
    a, b = x.copy(), x + 1.0
    z = a if n > 1 else b
    a[0] = 50.0
    return z + b


@safe
def both_written(x, n):
    a, b = x.copy(), x + 1.0
    z = a if n > 1 else b
    z[1] = 50.0
    return a - b


@safe
def through_a_list(x, n):
    y = x.copy()
    box = [y]
    for _ in range(n):
        y = y + 1.0
    y[0] = 3.0
    return box[0] + y


@safe
def through_a_closure(x, n):
    y = x.copy()
    z = y

    def look():
        return z[0]

    for _ in range(n):
        y = y + 1.0
    y[0] = 30.0
    return look() + y[0]


@safe
def result_of_a_call_written(x, n):
    def relaxed(v):
        for _ in range(n):
            v = v * 0.5
        return v

    y = x.copy()
    z = relaxed(y)
    z[0] = 100.0
    return y + z


@safe
def argument_of_a_call_written(x, n):
    def relaxed(v):
        for _ in range(n):
            v = v * 0.5
        return v

    y = x.copy()
    z = relaxed(y)
    y[0] = 100.0
    return y + z


@safe
def iterated_while_rebound(x, n):
    y = x.copy()
    total = 0.0
    for v in y:
        y[1] = 7.0
        y = y * 2.0
        total += v
    return total


@safe
def conditional_argument(x, n):
    def put(a, b):
        b[0] = 4.0
        return a + b

    y = x.copy()
    return put(y, y if n > 1 else x * 2.0)


@safe
def walrus_in_an_argument(x, n):
    def put(a, b):
        b[0] = 4.0
        return a + b

    y = x.copy()
    return put(y, (y := y * 1.0) if n > 1 else y)


@safe
def same_object_twice(x, n):
    y = x.copy()
    u = v = y
    for _ in range(n):
        u = v = y + 1.0
    u[0] = 8.0
    return v


@safe
def swapped_with_a_third_name(x, n):
    u, v = x.copy(), x + 1.0
    w = u
    for _ in range(n):
        u, v = v, u
    u[0] = 77.0
    return w + v


@safe
def written_by_a_method_of_the_list(x, n):
    a, b = [x[0]], [x[1]]
    z = a if n > 1 else b
    z.append(3.0)
    return len(a) + 10 * len(b)


@safe
def nested_lists(x, n):
    inner = [x[0], x[1]]
    rows = [inner, [x[2], 0.0]]
    for _ in range(n):
        rows = [rows[1], rows[0]]
    rows[0][0] = 9.0
    return inner[0] + rows[1][0]


@safe
def captured_then_rebound(x, n):
    y = x.copy()
    f = lambda: y[0]  # noqa: E731
    for _ in range(n):
        y = y * 3.0
        y[0] += f()
    return y


def outcome(f: Callable[..., Any], n: int, backend: str) -> Any:
    return irad.compile(f, backend=backend)(np.array([1.0, -2.0, 3.0]), n)


def check(f: Callable[..., Any], backend: str, *, refused: bool) -> None:
    for n in (0, 1, 2, 3):
        wanted = f(np.array([1.0, -2.0, 3.0]), n)
        try:
            got = outcome(f, n, backend)
        except irad.CompileError as e:
            if refused and e.diagnostic.name in ("ambiguous-alias", "rebound-capture", "view-write"):
                return
            raise
        np.testing.assert_allclose(got, wanted, rtol=1e-14, err_msg=f"n = {n}")


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
@pytest.mark.parametrize("f", RIGHT, ids=lambda f: f.__name__)
def test_as_in_python(f: Callable[..., Any], backend: str) -> None:
    check(f, backend, refused=False)


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
@pytest.mark.parametrize("f", SAFE, ids=lambda f: f.__name__)
def test_as_in_python_or_refused(f: Callable[..., Any], backend: str) -> None:
    check(f, backend, refused=True)


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
@pytest.mark.parametrize("f", [f for f in RIGHT if f is not lists_in_a_loop], ids=lambda f: f.__name__)
def test_derivatives(f: Callable[..., Any], backend: str) -> None:
    def total(x, n):
        return np.sum(f(x, n) * np.array([1.0, 0.5, -0.25]))

    x, n, h = np.array([1.0, -2.0, 3.0]), 3, 1e-6
    gradient = irad.compile(irad.grad(total), backend=backend)(copy.copy(x), n)
    forward = irad.compile(irad.jacfwd(total), backend=backend)(copy.copy(x), n)
    steps = [np.eye(3)[i] * h for i in range(3)]
    differences = [(total(x + d, n) - total(x - d, n)) / (2 * h) for d in steps]
    np.testing.assert_allclose(gradient, differences, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(gradient, forward, rtol=1e-13)


def of_two_sizes(x, n):
    y = x[:2] * n if n > 1 else x * 2.0
    y[0] += 1.0
    return (y * y).sum() * y


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
def test_arrays_of_two_sizes(backend: str) -> None:
    check(of_two_sizes, backend, refused=False)


@pytest.mark.parametrize("backend", ["llvm", "interpreter"])
def test_a_shape_that_changes_from_trip_to_trip_is_refused(backend: str) -> None:
    def grown(x, n):
        for i in range(n):
            x = np.arange(i + 1) * x[0]
        return x

    with pytest.raises(irad.CompileError, match="changing-shape") as e:
        outcome(grown, 3, backend)
    assert "for i in range(n)" in str(e.value)
