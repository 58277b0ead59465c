"""What generated text calls where Python's own operation differs from irad's. A text begins with the helpers it uses:
their definitions here, word for word. So each stands alone, on math and NumPy.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from irad.primitives import lapack
from irad.primitives.gamma import log_gamma

__all__ = ["HELPERS", "definitions"]


def ieee(scalar: Any, array: Any) -> Any:
    """A function of `math` that gives nan or inf, as NumPy's does, where Python's raises."""

    def f(*xs: Any) -> Any:
        try:
            return np.float64(scalar(*xs))
        except (ValueError, OverflowError):
            return array(*xs)

    return f


def wrap(n: Any) -> Any:
    """An integer in 64 bits."""
    return (int(n) + 2**63) % 2**64 - 2**63


def wrap32(n: Any) -> Any:
    """An integer in 32 bits."""
    return np.int32((int(n) + 2**31) % 2**32 - 2**31)


def cut(n: Any, dtype: Any) -> Any:
    """An integer modulo the width of a dtype."""
    return np.int64(n).astype(dtype)


def divisor(m: Any) -> Any:
    """m, by which integers are divided."""
    if np.any(np.equal(m, 0)):
        raise ZeroDivisionError("integer division or modulo by zero")
    return m


def exponent(k: Any) -> Any:
    """k, a power of integers."""
    if np.any(np.less(k, 0)):
        raise ValueError("an integer to a negative power is not an integer; write float(x) ** n")
    return k


def places(k: Any) -> Any:
    """k, by which bits are shifted."""
    if np.any(np.less(k, 0)):
        raise ValueError("negative shift count")
    return k


def as_int(x: Any) -> Any:
    """int(x); the least integer where x is nan or too large."""
    return int(x) if -(2.0**63) <= x < 2.0**63 else -(2**63)


def as_int32(x: Any) -> Any:
    """int(x) in 32 bits; the least integer where x is nan or too large."""
    return np.int32(int(x) if -(2.0**31) - 1 < x < 2.0**31 else -(2**31))


def inside(i: Any, n: Any, axis: Any) -> Any:
    """The index i, counted from 0."""
    if not 0 <= i < n:
        raise IndexError(f"index {i - n * (i < 0)} is out of bounds for axis {axis} with size {n}")
    return i


def one_at(i: Any, n: Any, axis: Any) -> Any:
    """The slice of the index i alone, counted from 0."""
    return slice(inside(i, n, axis), i + 1)


def item_at(xs: Any, i: Any) -> Any:
    """The index i of a list, counted from 0."""
    if not 0 <= i < len(xs):
        raise IndexError("list index out of range")
    return i


def span(start: Any, count: Any, step: Any) -> Any:
    """`count` places from a start, `step` apart."""
    stop = start + count * step
    return slice(start, stop if stop >= 0 else None, step) if count else slice(0, 0)


def same_size(m: Any, n: Any) -> Any:
    """Two sizes that must be equal."""
    if m != n:
        raise ValueError(f"operands could not be broadcast together: sizes {m} and {n}")
    return m


def of_shape(x: Any, shape: Any) -> Any:
    """x, whose sizes must be these; None is any."""
    if any(n is not None and n != m for m, n in zip(x.shape, shape, strict=True)):
        raise ValueError(f"an array of shape {x.shape} stands where {shape} is needed")
    return x


def reshaped(x: Any, shape: Any) -> Any:
    """x in another shape of the same size."""
    if math.prod(shape) != x.size:
        raise ValueError(f"cannot reshape array of size {x.size} into shape {shape}")
    return x.reshape(shape)


def add_ct(x: Any, y: Any) -> Any:
    """The sum of two cotangents; None and what a stack lacks are zero."""
    if x is None or y is None:
        return y if x is None else x
    if isinstance(x, list):
        n = min(len(x), len(y))
        longer = x if len(x) > n else y
        added = [add_ct(a, b) for a, b in zip(x[len(x) - n :], y[len(y) - n :], strict=True)]
        return [*longer[: len(longer) - n], *added]
    if isinstance(x, tuple):
        return tuple(map(add_ct, x, y))
    return x if isinstance(x, int) else x + y  # an int is the tag of a sum


def add_items(x: Any, y: Any) -> Any:
    """The sum of two items: numbers, or tuples of them."""
    return tuple(map(add_items, x, y)) if isinstance(x, tuple) else x + y


def list_add(xs: Any, i: Any, v: Any, zero: Any) -> None:
    """Add v to item i; what is missing is zero."""
    xs.extend([zero] * (i + 1 - len(xs)))
    xs[i] = add_items(xs[i], v)


def list_get(xs: Any, i: Any, zero: Any) -> Any:
    """Item i; what is missing is zero."""
    return xs[i] if i < len(xs) else zero


def list_clear(xs: Any, i: Any, zero: Any) -> None:
    """Make item i zero, where it is there."""
    if i < len(xs):
        xs[i] = zero


def list_take(xs: Any, n: Any, zero: Any) -> Any:
    """Item n, and cut the list there; what is missing is zero."""
    item = xs[n] if n < len(xs) else zero
    del xs[n:]
    return item


def list_plus(xs: Any, ys: Any) -> Any:
    """The sum of two lists, item by item; what is missing is zero."""
    n = min(len(xs), len(ys))
    return [add_items(x, y) for x, y in zip(xs, ys, strict=False)] + xs[n:] + ys[n:]


def column(xs: Any, n: Any, path: Any, dtype: Any) -> Any:
    """An array of length n of one number of each item; what is missing is zero."""
    out = np.zeros(n, dtype)
    for k, item in enumerate(xs[:n]):
        for i in path:
            item = item[i]
        out[k] = item
    return out


def from_column(values: Any, item: Any) -> Any:
    """A list of items that hold one number each, beside zeros."""
    return [item(v) for v in values.tolist()]


HELPERS = {
    f.__name__: f
    for f in (
        ieee,
        wrap,
        wrap32,
        cut,
        divisor,
        exponent,
        places,
        as_int,
        as_int32,
        inside,
        one_at,
        item_at,
        span,
        same_size,
        of_shape,
        reshaped,
        add_ct,
        add_items,
        list_add,
        list_get,
        list_clear,
        list_take,
        list_plus,
        column,
        from_column,
        log_gamma,
        *(getattr(lapack, name) for name in lapack.__all__),
    )
}
NEEDS = {
    "lu_solve": ["exchange", "triangular_solve"],
    "one_at": ["inside"],
    "list_add": ["add_items"],
    "list_plus": ["add_items"],
}


def definitions(names: Iterable[str], functions: Mapping[str, str]) -> list[str]:
    """The text of the helpers of these names, each a paragraph, those they need among them; `functions` are those of
    math that may raise, with NumPy's names."""
    wanted = set(names) | ({"ieee"} if functions else set())
    wanted |= {m for n in wanted for m in NEEDS.get(n, ())}
    out = [_text(HELPERS[n]) for n in HELPERS if n in wanted]
    if functions:
        out.append("\n".join(f"{n} = ieee(math.{n}, np.{functions[n]})" for n in sorted(functions)))
    return out


def _text(f: Any) -> str:
    """A function's definition without its annotations."""
    text = re.sub(r"\) -> (Any|None):", "):", inspect.getsource(f)).replace(": Any", "")
    return text.rstrip()
