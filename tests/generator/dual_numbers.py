"""Dual numbers in plain Python: numbers with a tangent, and the operations and functions of `math` on them.

A dual carries a tag: each derivative uses a new one, so nested derivatives never mix. The numbers inside may be floats or
mpmath's (50 digits); comparisons look at the numbers, and a `Trace` records how close they were.

After Pearlmutter and Siskind, "Nesting forward-mode AD", 2008, and Griewank and Walther, "Evaluating Derivatives", ch. 3.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np

__all__ = [
    "DIGITS",
    "FUNCTIONS",
    "Dual",
    "Real",
    "Trace",
    "base",
    "decided",
    "divmod_",
    "floordiv",
    "is_precise",
    "is_real",
    "math_module",
    "mod",
    "number",
    "power",
    "precise",
    "real",
    "round_",
    "rounding_at_random",
    "tracing",
    "used",
]

DIGITS = 50
HALF_PI = 1.5707963267948966


class Trace:
    """What happened while a program ran: the closest comparison, and which operations its values went through."""

    def __init__(self) -> None:
        self.margin = math.inf
        self.operations: set[str] = set()

    def near(self, distance: Any) -> None:
        """A decision was taken at this distance from its border."""
        d = abs(float(distance))
        if d < self.margin or d != d:
            self.margin = 0.0 if d != d else d


_trace = Trace()
_precise = False
_random: random.Random | None = None


def decided(distance: Any) -> None:
    """A decision was taken at this distance from its border."""
    _trace.near(distance)


def used(operation: str) -> None:
    """A value went through this operation."""
    _trace.operations.add(operation)


def is_precise() -> bool:
    return _precise


@contextmanager
def tracing() -> Iterator[Trace]:
    """The trace of what runs in the block."""
    global _trace
    before, _trace = _trace, Trace()
    try:
        yield _trace
    finally:
        _trace = before


@contextmanager
def precise() -> Iterator[None]:
    """Numbers made in the block are mpmath's."""
    global _precise
    before, _precise = _precise, True
    try:
        with mpmath.workdps(DIGITS):
            yield
    finally:
        _precise = before


@contextmanager
def rounding_at_random(seed: int) -> Iterator[None]:
    """In the block results on duals are a last bit above, at or below what they are: what a derivative then changes by
    is what rounding does to it (Vignes, "A stochastic arithmetic for reliable scientific computation", 1993)."""
    global _random
    before, _random = _random, random.Random(seed)
    try:
        yield
    finally:
        _random = before


def _rounded(v: Any) -> Any:
    return math.nextafter(v, _random.choice((-math.inf, v, math.inf))) if _random is not None and isinstance(v, float) else v


def number(v: Any) -> Any:
    """A float as the kind of number that is computed with."""
    return mpmath.mpf(v) if _precise and isinstance(v, (int, float)) else v


# -- the class ----------------------------------------------------------------------------------------------------------


def _comparison(op: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A method that compares the numbers inside."""

    def compare(x: Any, y: Any) -> Any:
        if isinstance(y, np.ndarray):
            return NotImplemented
        p, q = base(x), base(y)
        if not isinstance(q, (bool, int, float, mpmath.mpf)) or not isinstance(p, (bool, int, float, mpmath.mpf)):
            return op is operator.ne
        _trace.near(p - q)
        return op(p, q)

    return compare


class Dual:
    """primal + tangent * eps[tag]; primal and tangent may be duals of lower tags."""

    __slots__ = ("primal", "tag", "tangent")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tag: int, primal: Any, tangent: Any) -> None:
        self.tag, self.primal, self.tangent = tag, primal, tangent

    def __repr__(self) -> str:
        return f"Dual{self.tag}({self.primal!r}, {self.tangent!r})"

    def __format__(self, spec: str) -> str:
        return format(float(base(self)), spec)

    def __bool__(self) -> bool:
        _trace.near(base(self))
        return bool(base(self) != 0)

    def __float__(self) -> float:
        raise TypeError("a dual reached a function that takes floats only")

    def __int__(self) -> int:
        _trace.near(_gap(base(self)))
        return int(base(self))

    __trunc__ = __int__

    def __neg__(self) -> Dual:
        return Dual(self.tag, -self.primal, -self.tangent)

    def __pos__(self) -> Dual:
        return self

    def __abs__(self) -> Any:
        _trace.near(base(self))
        return -self if base(self) < 0 else self

    def __round__(self) -> int:
        return round_(self)

    __eq__ = _comparison(operator.eq)  # type: ignore[assignment]
    __ne__ = _comparison(operator.ne)  # type: ignore[assignment]
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)


def base(v: Any) -> Any:
    """The number inside a dual."""
    while isinstance(v, Dual):
        v = v.primal
    return v


def _gap(v: Any) -> Any:
    """How far a number is from the integers."""
    return v - int(mpmath.nint(v)) if isinstance(v, mpmath.mpf) else v - round(v)


def is_real(v: Any) -> bool:
    """Whether v stands for a Python float."""
    return isinstance(v, (float, mpmath.mpf, Dual))


# -- operations of several arguments --------------------------------------------------------------------------------------


def _apply(value: Callable[..., Any], partials: Sequence[Callable[..., Any]], *xs: Any) -> Any:
    """value(*xs) with its derivative; partial i is a function of (out, *xs)."""
    tag = max(x.tag if isinstance(x, Dual) else -1 for x in xs)
    if tag < 0:
        return _rounded(value(*xs))
    here = [isinstance(x, Dual) and x.tag == tag for x in xs]
    primals = [x.primal if h else x for x, h in zip(xs, here, strict=True)]
    out = _apply(value, partials, *primals)
    tangent: Any = 0.0
    for x, h, partial in zip(xs, here, partials, strict=True):
        if h:
            term = partial(out, *primals)
            tangent = add(tangent, mul(term, x.tangent)) if _random is not None else tangent + term * x.tangent
    return Dual(tag, out, tangent)


def add(x: Any, y: Any) -> Any:
    return _apply(operator.add, (lambda o, x, y: 1.0, lambda o, x, y: 1.0), x, y)


def sub(x: Any, y: Any) -> Any:
    return _apply(operator.sub, (lambda o, x, y: 1.0, lambda o, x, y: -1.0), x, y)


def mul(x: Any, y: Any) -> Any:
    return _apply(operator.mul, (lambda o, x, y: y, lambda o, x, y: x), x, y)


def div(x: Any, y: Any) -> Any:
    def value(p: Any, q: Any) -> Any:
        return number(p) / number(q) if _precise else p / q

    return _apply(value, (lambda o, x, y: 1.0 / y, lambda o, x, y: -o / y), x, y)


def floordiv(x: Any, y: Any) -> Any:
    """x // y; a step function: the derivative is zero."""
    p, q = base(x), base(y)
    if not is_real(p) and not is_real(q):
        return p // q
    if isinstance(x, Dual) or isinstance(y, Dual):
        _trace.near(_gap(p / q))
    return mpmath.floor(number(p) / q) if _precise else p // q


def mod(x: Any, y: Any) -> Any:
    def value(p: Any, q: Any) -> Any:
        return p - q * mpmath.floor(number(p) / q) if _precise and (is_real(p) or is_real(q)) else p % q

    if isinstance(x, Dual) or isinstance(y, Dual):
        _trace.near(_gap(base(x) / base(y)))
    return _apply(value, (lambda o, x, y: 1.0, lambda o, x, y: -floordiv(base(x), base(y))), x, y)


def divmod_(x: Any, y: Any) -> Any:
    return (floordiv(x, y), mod(x, y))


def power(x: Any, y: Any) -> Any:
    """x ** y; y may be any constant, or vary where x is positive."""

    def value(p: Any, q: Any) -> Any:
        if _precise and not (isinstance(p, int) and isinstance(q, int)):
            return number(p) ** (q if isinstance(q, int) else int(q) if q == int(q) else q)
        return p**q

    def dx(out: Any, x: Any, y: Any) -> Any:
        return 0.0 if not isinstance(y, Dual) and y == 0 else y * power(x, y - 1)

    _trace.operations.add("**")
    return _apply(value, (dx, lambda out, x, y: out * FUNCTIONS["log"](x)), x, y)


def _operator(name: str, f: Callable[[Any, Any], Any]) -> None:
    """Give duals an operator; where an array stands on the other side, the array goes through its elements."""

    def forward(self: Dual, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else f(self, other)

    def backward(self: Dual, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else f(other, self)

    setattr(Dual, f"__{name}__", forward)
    setattr(Dual, f"__r{name}__", backward)


for _name, _f in (
    ("add", add),
    ("sub", sub),
    ("mul", mul),
    ("truediv", div),
    ("floordiv", floordiv),
    ("mod", mod),
    ("divmod", divmod_),
    ("pow", power),
):
    _operator(_name, _f)


def round_(x: Any, digits: None = None) -> int:
    """round(x), halves to even."""
    v = base(x)
    if isinstance(x, Dual):
        _trace.near(abs(_gap(v)) - 0.5)
    return int(mpmath.nint(v)) if isinstance(v, mpmath.mpf) else round(v)


def _stepped(name: str, function: Callable[[Any], int]) -> Callable[[Any], int]:
    """math.floor and the like."""

    def call(x: Any) -> int:
        if isinstance(x, Dual):
            _trace.near(_gap(base(x)))
        return function(base(x))

    return call


# -- elementary functions -------------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[..., Any]] = {}
Partials = tuple[Callable[..., Any], ...]


def _elementary(name: str, *partials: Callable[..., Any], precise_value: Callable[..., Any] | None = None) -> None:
    plain, exact = getattr(math, name), precise_value or getattr(mpmath, name, None)

    def value(*xs: Any) -> Any:
        if _precise:
            assert exact is not None, name
            return exact(*map(mpmath.mpf, xs))
        return plain(*xs)

    def call(*xs: Any) -> Any:
        _trace.operations.add(name)
        return _apply(value, partials, *xs)

    FUNCTIONS[name] = call


def _f(name: str) -> Callable[..., Any]:
    return lambda *xs: FUNCTIONS[name](*xs)


_exp, _log, _sin, _cos, _sinh, _cosh, _sqrt = map(_f, ("exp", "log", "sin", "cos", "sinh", "cosh", "sqrt"))

_elementary("sqrt", lambda o, x: 0.5 / o)
_elementary("exp", lambda o, x: o)
_elementary("exp2", lambda o, x: o * _log(2.0), precise_value=lambda x: mpmath.mpf(2) ** x)
_elementary("expm1", lambda o, x: _exp(x))
_elementary("log", lambda o, x: 1.0 / x)
_elementary("log1p", lambda o, x: 1.0 / (1.0 + x))
_elementary("log2", lambda o, x: 1.0 / (x * _log(2.0)), precise_value=lambda x: mpmath.log(x, 2))
_elementary("log10", lambda o, x: 1.0 / (x * _log(10.0)))
_elementary("sin", lambda o, x: _cos(x))
_elementary("cos", lambda o, x: -_sin(x))
_elementary("tan", lambda o, x: 1.0 + o * o)
_elementary("asin", lambda o, x: 1.0 / _sqrt(1.0 - x * x))
_elementary("acos", lambda o, x: -1.0 / _sqrt(1.0 - x * x))
_elementary("atan", lambda o, x: 1.0 / (1.0 + x * x))
_elementary("sinh", lambda o, x: _cosh(x))
_elementary("cosh", lambda o, x: _sinh(x))
_elementary("tanh", lambda o, x: 1.0 - o * o)
_elementary("asinh", lambda o, x: 1.0 / _sqrt(x * x + 1.0))
_elementary("acosh", lambda o, x: 1.0 / _sqrt((x - 1.0) * (x + 1.0)))
_elementary("atanh", lambda o, x: 1.0 / ((1.0 - x) * (1.0 + x)))
_elementary("erf", lambda o, x: 2.0 / _sqrt(math_pi()) * _exp(-x * x))
_elementary("erfc", lambda o, x: -2.0 / _sqrt(math_pi()) * _exp(-x * x))
_elementary("cbrt", lambda o, x: o / (3.0 * x), precise_value=lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)))
_elementary("atan2", lambda o, y, x: x / (x * x + y * y), lambda o, y, x: -y / (x * x + y * y))


def math_pi() -> Any:
    return mpmath.mpf(mpmath.pi) if _precise else math.pi


def _hypot(*xs: Any) -> Any:
    """sqrt of the sum of squares; as math.hypot of floats where no derivative is asked for."""
    _trace.operations.add("hypot")
    if not any(isinstance(x, Dual) for x in xs) and not _precise:
        return math.hypot(*xs)
    total: Any = 0.0
    for x in xs:
        total = total + x * x
    _trace.near(base(total))
    out = _sqrt(total)
    if not _precise and isinstance(out, Dual):
        return _with_base(out, math.hypot(*map(base, xs)))
    return out


def _with_base(v: Any, number: Any) -> Any:
    return Dual(v.tag, _with_base(v.primal, number), v.tangent) if isinstance(v, Dual) else number


def _copysign(x: Any, y: Any) -> Any:
    _trace.near(base(y))
    if isinstance(x, Dual):
        _trace.near(base(x))
    x = x if is_real(x) else number(float(x))
    return x if (base(x) < 0) == (base(y) < 0) else -x


def _fmod(x: Any, y: Any) -> Any:
    def value(p: Any, q: Any) -> Any:
        return p - q * int(number(p) / q) if _precise else math.fmod(p, q)

    _trace.near(_gap(base(x) / base(y)))
    return _apply(value, (lambda o, x, y: 1.0, lambda o, x, y: -int(base(x) / base(y))), x, y)


def _log_any(x: Any, *rest: Any) -> Any:
    plain = FUNCTIONS["log"]
    return plain(x) if not rest else plain(x) / plain(rest[0])


def _prod(items: Any, *, start: Any = 1) -> Any:
    for x in items:
        start = start * x
    return start


def _degrees(x: Any) -> Any:
    _trace.operations.add("degrees")
    return x * (number(180.0) / math_pi())


def _radians(x: Any) -> Any:
    _trace.operations.add("radians")
    return x * (math_pi() / number(180.0))


def math_module() -> SimpleNamespace:
    """The module `math` for duals."""
    table: dict[str, Any] = dict(FUNCTIONS)
    table |= {
        "hypot": _hypot,
        "copysign": _copysign,
        "fmod": _fmod,
        "fabs": lambda x: abs(x) if is_real(x) else number(float(abs(x))),
        "pow": lambda x, y: power(real(x), y),
        "log": _log_any,
        "prod": _prod,
        "floor": _stepped("floor", lambda v: int(mpmath.floor(v)) if _precise else math.floor(v)),
        "ceil": _stepped("ceil", lambda v: int(mpmath.ceil(v)) if _precise else math.ceil(v)),
        "trunc": _stepped("trunc", int),
        "isnan": lambda x: math.isnan(float(base(x))),
        "isinf": lambda x: math.isinf(float(base(x))),
        "isfinite": lambda x: math.isfinite(float(base(x))),
        "degrees": _degrees,
        "radians": _radians,
        "pi": math.pi,
        "e": math.e,
        "tau": math.tau,
        "inf": math.inf,
    }
    return SimpleNamespace(**table)


# -- built-ins -----------------------------------------------------------------------------------------------------------


class _RealMeta(type):
    def __instancecheck__(cls, v: Any) -> bool:
        return is_real(v)


class Real(metaclass=_RealMeta):
    """`float` for programs that run on duals."""

    def __new__(cls, v: Any = 0.0) -> Any:
        return real(v)


def real(v: Any) -> Any:
    return v if isinstance(v, (Dual, mpmath.mpf)) else number(float(v))
