"""Compiled code means what Python means: the comparison that the tests of this folder make.

    @agrees
    def test_while(x, n):
        while n > 0: ...

The function is run by CPython and by each backend, at drawn arguments: `x y z` are floats, `i j k m n` small integers, `p q`
truth values, `xs` a list of floats; other strategies are given by name. Results are compared in type and bits, exceptions
in type (with `messages`, in text too: what Python's own operations say differs between its versions), and what became of
the arguments.
"""

from __future__ import annotations

import copy
import functools
import inspect
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import irad

__all__ = ["BACKENDS", "BOOLS", "FLOATS", "INTS", "LISTS", "SPECIALS", "agrees", "check", "compiled", "same"]

BACKENDS = ("llvm", "interpreter")

SPECIALS = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1e308)
FLOATS = st.floats(-8, 8, width=32) | st.sampled_from([0.0, -0.0, 1.0, -2.5])
INTS = st.integers(-4, 6)
BOOLS = st.booleans()
LISTS = st.lists(FLOATS, min_size=3, max_size=3)
_BY_NAME = {**dict.fromkeys("xyz", FLOATS), **dict.fromkeys("ijkmn", INTS), **dict.fromkeys("pq", BOOLS), "xs": LISTS}


@functools.lru_cache(4096)
def compiled(f: Callable[..., Any], backend: str) -> Callable[..., Any]:
    return irad.compile(f, backend=backend)  # type: ignore[no-any-return]


def outcome(f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a call did: its result or its exception, and the arguments afterwards."""
    args = copy.deepcopy(args)
    try:
        return "result", f(*args), [a for a in args if not callable(a) or isinstance(a, tuple)]
    except (irad.CompileError, irad.InternalError):
        raise
    except Exception as e:
        return "exception", type(e), str(e)


def check(f: Callable[..., Any], *args: Any, backends: tuple[str, ...] = BACKENDS, messages: bool = False) -> None:
    """Each backend does at these arguments what CPython does."""
    want = outcome(f, args)
    for backend in backends:
        got = outcome(compiled(f, backend), args)
        n = 2 if want[0] == "exception" and not messages else 3
        assert same(got[:n], want[:n]), f"{f.__name__}{args!r} on {backend}: {got!r}, in Python {want!r}"


def same_bits(a: float, b: float) -> bool:
    """Equal in type and bits, but that any NaN is like any other."""
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    return type(a) is type(b) and a == b


def same(a: Any, b: Any, number: Callable[[Any, Any], bool] = same_bits) -> bool:
    """Equal in structure, and number by number; NumPy's scalars count as Python's numbers (docs/differences.md)."""
    a, b = (v.item() if isinstance(v, np.generic) or (isinstance(v, np.ndarray) and v.ndim == 0) else v for v in (a, b))
    if isinstance(a, (float, int)) and isinstance(b, (float, int)):
        return number(a, b)
    if isinstance(b, np.ndarray):
        return (
            isinstance(a, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and all(map(number, a.ravel().tolist(), b.ravel().tolist()))
        )
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(x, y, number) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k], number) for k in b)
    if hasattr(a, "__dataclass_fields__"):
        return all(same(getattr(a, n), getattr(b, n), number) for n in a.__dataclass_fields__)
    return bool(a == b)


def agrees(
    f: Callable[..., Any] | None = None,
    *,
    backends: tuple[str, ...] = BACKENDS,
    examples: int = 12,
    messages: bool = False,
    **strategies: Any,
) -> Any:
    """Make a function the test that it means in irad what it means in Python, at drawn arguments."""
    if f is None:
        return functools.partial(agrees, backends=backends, examples=examples, messages=messages, **strategies)
    function = f
    drawn = [strategies[p] if p in strategies else _BY_NAME[p] for p in inspect.signature(f).parameters]

    @settings(max_examples=examples if drawn else 1, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.tuples(*drawn))
    def test(args: tuple[Any, ...]) -> None:
        check(function, *args, backends=backends, messages=messages)

    test.__name__, test.__doc__, test.__module__ = f.__name__, f.__doc__, f.__module__
    return test
