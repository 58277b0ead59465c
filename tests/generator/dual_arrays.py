"""The module `numpy` for duals: arrays of objects, whose elements are floats, ints, duals or numbers of 50 digits.

NumPy itself does the indexing, the views and the broadcasting; only what it does for floats alone is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.generator.dual_numbers import FUNCTIONS, Real, floordiv, is_precise, math_module, mod, number, power, real

__all__ = ["DualArray", "entered", "numpy_module"]


class DualArray(np.ndarray[Any, Any]):
    """An array of objects with the methods that NumPy lacks for them."""

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return _reduced(np.add, self, axis, keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        return _reduced(np.multiply, self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return _reduced(np.maximum, self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return _reduced(np.minimum, self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        count = self.size if axis is None else self.shape[axis]
        return self.sum(axis, keepdims) / number(float(count))

    def dot(self, other: Any) -> Any:
        return _taken(np.dot(self, other))

    def __matmul__(self, other: Any) -> Any:
        return _taken(np.matmul(np.asarray(self), np.asarray(other)))

    def clip(self, low: Any, high: Any) -> Any:
        return _clip(self, low, high)

    def astype(self, dtype: Any) -> Any:
        return _converted(self, dtype)

    def all(self) -> Any:
        return bool(np.all(np.asarray(self, bool)))

    def any(self) -> Any:
        return bool(np.any(np.asarray(self, bool)))


def _taken(out: Any) -> Any:
    """An array of duals, or the one element of an array without axes."""
    if isinstance(out, np.ndarray):
        return out.view(DualArray) if out.ndim else out[()]
    return out


def _reduced(f: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Element by element from the first one, not from zero: -0.0 stays."""
    axis = tuple(range(np.ndim(x))) if axis is None else axis
    return _taken(f.reduce(np.asarray(x, object), axis=axis, keepdims=keepdims))


def array(items: Any, dtype: Any = None) -> Any:
    """A new array of these items."""
    return _converted(np.array(items, dtype=object).view(DualArray), dtype)


def _converted(x: Any, dtype: Any) -> Any:
    if dtype in (float, Real, np.float64):
        return _taken(np.frompyfunc(lambda v: real(v), 1, 1)(x))
    if dtype in (int, np.int64):
        return _taken(np.frompyfunc(int, 1, 1)(x))
    assert dtype is None, dtype
    return x


def entered(args: Any) -> list[Any]:
    """Arguments for a program on duals: floats as `number` makes them, fresh arrays of objects."""
    return [_taken(np.frompyfunc(_number, 1, 1)(a)) if isinstance(a, np.ndarray) else _number(a) for a in args]


def _number(v: Any) -> Any:
    return number(float(v)) if isinstance(v, float) else v


def _filled(value: Any) -> Callable[..., Any]:
    def make(shape: Any, dtype: Any = None) -> Any:
        return full(shape, int(value) if dtype is int else number(value))

    return make


def full(shape: Any, value: Any) -> Any:
    out = np.empty(shape, object).view(DualArray)
    out[...] = value
    return out


def _linspace(start: Any, stop: Any, num: int = 50) -> Any:
    step = (stop - start) / number(float(num - 1))
    return array([*(i * step + start for i in range(num - 1)), number(1.0) * stop])


def _arange(*args: Any) -> Any:
    if all(isinstance(a, int) for a in args):
        return array(list(range(*args)))
    start, stop, step = (*args, 1)[:3] if len(args) > 1 else (0.0, args[0], 1)
    count = int(np.ceil((float(stop) - float(start)) / float(step)))
    return array([start + i * step for i in range(count)])


def _clip(x: Any, low: Any, high: Any) -> Any:
    return _minimum(_maximum(x, low), high)


def _elementwise(f: Callable[..., Any], count: int) -> Callable[..., Any]:
    ufunc = np.frompyfunc(f, count, 1)
    return lambda *xs: _taken(ufunc(*xs))


_maximum = _elementwise(lambda x, y: x if x >= y else y, 2)
_minimum = _elementwise(lambda x, y: x if x <= y else y, 2)


def _divided(x: Any, y: Any) -> Any:
    return number(x) / y if is_precise() else x / y


def _where(test: Any, x: Any, y: Any) -> Any:
    return _taken(np.where(np.asarray(test, bool), np.asarray(x, object), np.asarray(y, object)))


def _sign(x: Any) -> Any:
    return number(1.0) if x > 0 else number(-1.0)


def _stepped(f: Callable[[Any], int]) -> Callable[[Any], Any]:
    return lambda x: number(float(f(x)))


def numpy_module() -> SimpleNamespace:
    """The module `numpy` for duals."""
    names = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2"}
    names |= {"arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh"}
    names |= {n: n for n in FUNCTIONS if n not in names.values() and n not in ("erf", "erfc")}
    two = {"atan2", "hypot"}
    m = math_module()
    table: dict[str, Any] = {n: _elementwise(getattr(m, f), 2 if f in two else 1) for n, f in names.items()}
    table |= {n: _elementwise(getattr(m, n), 2) for n in ("hypot", "copysign", "fmod")}
    table |= {n: _elementwise(_stepped(getattr(m, n)), 1) for n in ("floor", "ceil", "trunc")}
    table |= {
        "add": _elementwise(lambda x, y: x + y, 2),
        "subtract": _elementwise(lambda x, y: x - y, 2),
        "multiply": _elementwise(lambda x, y: x * y, 2),
        "divide": _elementwise(_divided, 2),
        "power": _elementwise(power, 2),
        "remainder": _elementwise(mod, 2),
        "floor_divide": _elementwise(floordiv, 2),
        "negative": _elementwise(lambda x: -x, 1),
        "square": _elementwise(lambda x: x * x, 1),
        "abs": _elementwise(abs, 1),
        "sign": _elementwise(_sign, 1),
        "maximum": _maximum,
        "minimum": _minimum,
        "clip": _clip,
        "where": _where,
        "array": array,
        "asarray": lambda x: x if isinstance(x, DualArray) else array(x),
        "copy": array,
        "zeros": _filled(0.0),
        "ones": _filled(1.0),
        "empty": _filled(0.0),
        "full": full,
        "zeros_like": lambda x: full(np.shape(x), number(0.0)),
        "ones_like": lambda x: full(np.shape(x), number(1.0)),
        "full_like": lambda x, value: full(np.shape(x), value),
        "arange": _arange,
        "linspace": _linspace,
        "eye": lambda n: _taken(np.frompyfunc(lambda v: number(float(v)), 1, 1)(np.eye(n))),
        "reshape": lambda x, shape: _taken(np.reshape(x, shape)),
        "ravel": lambda x: _taken(np.ravel(x)),
        "transpose": lambda x, axes=None: _taken(np.transpose(x, axes)),
        "matmul": lambda x, y: x @ y,
        "dot": lambda x, y: x.dot(y),
        "any": lambda x: bool(np.any(np.asarray(x, bool))),
        "all": lambda x: bool(np.all(np.asarray(x, bool))),
        "newaxis": None,
        "pi": np.pi,
        "float64": np.float64,
        "int64": np.int64,
        "ndarray": np.ndarray,
    }
    for name in ("sum", "prod", "max", "min", "mean"):
        table[name] = _reduction(name)
    return SimpleNamespace(**table)


def _reduction(name: str) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: getattr(np.asarray(x, object).view(DualArray), name)(axis, keepdims)
