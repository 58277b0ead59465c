"""Elementwise operations on numbers and truth values: arithmetic, comparison, elementary functions.

Each record holds for scalars and for arrays of one shape. Derivative rules share what they can: one reciprocal serves
every quotient by the same value, and `out` is used where the result appears in its own derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from irad.errors import refuse
from irad.primitives.table import CHECKED, Primitive, primitive
from irad.types import BOOL, Array, Scalar, Type

FUNCTION_COST = 20


def libm(name: str, numpy_name: str | None = None) -> Callable[..., Any]:
    """The C library's function on scalars (what compiled code calls), NumPy's on arrays and at domain errors."""
    scalar, array = getattr(math, name), getattr(np, numpy_name or name, None)

    def ref(*xs: Any) -> Any:
        if not isinstance(xs[0], np.ndarray):
            kind = xs[0].dtype.type if isinstance(xs[0], np.floating) else np.float64
            try:
                return kind(scalar(*map(float, xs)))
            except (ValueError, OverflowError):
                if array is None:
                    return kind(math.nan)
        with np.errstate(all="ignore"):
            return array(*xs) if array is not None else np.vectorize(scalar, otypes=[xs[0].dtype])(*xs)

    return ref


def recip(b: Any, x: Any) -> Any:
    """1/x, one node for every derivative that divides by x."""
    return b.div(b.like(1.0, x), x)


# -- arithmetic ---------------------------------------------------------------------------------------------------

add = primitive(
    "add",
    "[T: number] (T, T) -> T",
    doc="x + y.",
    ref=np.add,
    commutes=True,
    vjp=lambda b, out, x, y, ct: (ct, ct),
    jvp=lambda b, out, x, y, dx, dy: dy if dx is None else dx if dy is None else b.add(dx, dy),
    llvm=lambda e, x, y: e.arith("fadd", "add", x, y),
    cuda=lambda e, x, y: e.arith("+", x, y),
    source=lambda s, x, y: s.integer("x + y", x, y),
)
sub = primitive(
    "sub",
    "[T: number] (T, T) -> T",
    doc="x - y.",
    ref=np.subtract,
    vjp=lambda b, out, x, y, ct: (ct, lambda: b.neg(ct)),
    jvp=lambda b, out, x, y, dx, dy: b.neg(dy) if dx is None else dx if dy is None else b.sub(dx, dy),
    llvm=lambda e, x, y: e.arith("fsub", "sub", x, y),
    cuda=lambda e, x, y: e.arith("-", x, y),
    source=lambda s, x, y: s.integer("x - y", x, y),
)
mul = primitive(
    "mul",
    "[T: number] (T, T) -> T",
    doc="x * y.",
    ref=np.multiply,
    commutes=True,
    partials=lambda b, out, x, y: (y, x),
    llvm=lambda e, x, y: e.arith("fmul", "mul", x, y),
    cuda=lambda e, x, y: e.arith("*", x, y),
    source=lambda s, x, y: s.integer("x * y", x, y),
)
neg = primitive(
    "neg",
    "[T: number] (T) -> T",
    doc="-x.",
    ref=np.negative,
    vjp=lambda b, out, x, ct: (b.neg(ct),),
    jvp=lambda b, out, x, dx: b.neg(dx),
    llvm=lambda e, x: e.negate(x),
    cuda=lambda e, x: e.negate(x),
    source=lambda s, x: s.integer("-x", x),
)


def _div_vjp(b: Any, out: Any, x: Any, y: Any, ct: Any) -> Any:
    ct_x = b.mul(ct, recip(b, y))
    return ct_x, lambda: b.neg(b.mul(ct_x, out))


def _div_jvp(b: Any, out: Any, x: Any, y: Any, dx: Any, dy: Any) -> Any:
    top = dx if dy is None else b.neg(b.mul(out, dy)) if dx is None else b.sub(dx, b.mul(out, dy))
    return b.mul(top, recip(b, y))


div = primitive(
    "div",
    "[T: float] (T, T) -> T",
    doc="x / y; by zero it gives inf or nan.",
    ref=np.true_divide,
    vjp=_div_vjp,
    jvp=_div_jvp,
    llvm=lambda e, x, y: e.arith("fdiv", "", x, y),
    cuda=lambda e, x, y: e.arith("/", x, y),
    cost=5,
    source=lambda s, x, y: s.quotient("/", x, y),
)


def _floordiv_ref(x: Any, y: Any) -> Any:
    if np.asarray(y).dtype.kind != "f" and np.any(np.equal(y, 0)):
        raise ZeroDivisionError("integer division or modulo by zero")
    return np.floor_divide(x, y)


def _mod_ref(x: Any, y: Any) -> Any:
    if np.asarray(y).dtype.kind != "f" and np.any(np.equal(y, 0)):
        raise ZeroDivisionError("integer division or modulo by zero")
    return np.mod(x, y)


floordiv = primitive(
    "floordiv",
    "[T: number] (T, T) -> T",
    doc="x // y as Python has it; an integer divided by zero raises.",
    ref=_floordiv_ref,
    order=CHECKED,
    partials=lambda b, out, x, y: (None, None),
    llvm=lambda e, x, y: e.helper("floordiv", x, y) if e.is_float(x) else e.int_floordiv(x, y),
    cuda=lambda e, x, y: e.helper("floordiv", x, y),
    cost=FUNCTION_COST,
    source=lambda s, x, y: s.whole("//", x, y),
)
mod = primitive(
    "mod",
    "[T: number] (T, T) -> T",
    doc="x % y with the sign of y, as Python has it; an integer modulo zero raises.",
    ref=_mod_ref,
    order=CHECKED,
    partials=lambda b, out, x, y: (b.like(1.0, x), lambda: b.neg(b.floordiv(x, y))),
    llvm=lambda e, x, y: e.helper("mod", x, y) if e.is_float(x) else e.int_mod(x, y),
    cuda=lambda e, x, y: e.helper("mod", x, y),
    cost=FUNCTION_COST,
    source=lambda s, x, y: s.whole("%", x, y),
)
fmod = primitive(
    "fmod",
    "[T: float] (T, T) -> T",
    doc="The remainder of x / y with the sign of x.",
    ref=libm("fmod"),
    partials=lambda b, out, x, y: (b.like(1.0, x), lambda: b.rint(b.div(b.sub(out, x), y))),  # x / y may round up
    llvm=lambda e, x, y: e.libm("fmod", x, y),
    cuda=lambda e, x, y: e.call("fmod", x, y),
    cost=FUNCTION_COST,
    source=lambda s, x, y: s.libm("fmod", "fmod", x, y),
)


def _pow_dx(b: Any, x: Any, y: Any) -> Any:
    """y * x**(y - 1), and 0 where both are 0. (The base is mended there, not the exponent, which is differentiated again.)"""
    both = b.and_(b.eq(y, b.like(0.0, y)), b.eq(x, b.like(0.0, x)))
    return b.mul(y, b.pow(b.select(both, b.like(1.0, x), x), b.sub(y, b.like(1.0, y))))


def _pow_dy(b: Any, out: Any, x: Any) -> Any:
    """out * log x, and 0 where x is 0 (0**y is 0 for every y near a positive one)."""
    zero = b.like(0.0, x)
    is_zero = b.eq(x, zero)
    return b.mul(out, b.log(b.select(is_zero, b.like(1.0, x), x)))


pow_ = primitive(
    "pow",
    "[T: float] (T, T) -> T",
    doc="x ** y on floats; a negative x with a fractional y gives nan.",
    ref=libm("pow", "power"),
    partials=lambda b, out, x, y: (lambda: _pow_dx(b, x, y), lambda: _pow_dy(b, out, x)),
    llvm=lambda e, x, y: e.power(x, y),
    cuda=lambda e, x, y: e.call("pow", x, y),
    cost=3 * FUNCTION_COST,
    source=lambda s, x, y: s.libm("pow", "power", x, y),
)


def _ipow_ref(x: Any, n: Any) -> Any:
    if np.any(np.less(n, 0)):
        raise ValueError("an integer to a negative power is not an integer; write float(x) ** n")
    return np.power(x, n)


ipow = primitive(
    "ipow",
    "[T: int] (T, T) -> T",
    doc="x ** n on integers; a negative n raises ValueError.",
    ref=_ipow_ref,
    order=CHECKED,
    llvm=lambda e, x, n: e.int_power(x, n),
    cuda=lambda e, x, n: e.helper("ipow", x, n),
    cost=FUNCTION_COST,
    source=lambda s, x, n: s.guarded("np.power", x, "exponent", n),
)
abs_ = primitive(
    "abs",
    "[T: number] (T) -> T",
    doc="The absolute value; its derivative at 0 is 0.",
    ref=np.abs,
    partials=lambda b, out, x: (lambda: b.sign(x),),
    llvm=lambda e, x: e.absolute(x),
    cuda=lambda e, x: e.absolute(x),
    source=lambda s, x: s.integer("abs(x)", x),
)
sign = primitive(
    "sign",
    "[T: float] (T) -> T",
    doc="-1, 0 or 1.",
    ref=np.sign,
    partials=lambda b, out, x: (None,),
    llvm=lambda e, x: e.sign(x),
    cuda=lambda e, x: e.helper("sign", x),
    cost=2,
)


def _extreme(name: str, doc: str, ref: Any, *, beyond: str, llvm: Any) -> Primitive:
    """Of x and y the one that is not `beyond` the other. Each has the derivative 1, 1/2 or 0: as in `select`, what is left out
    has it whatever its own derivative is."""

    def share(b: Any, x: Any, y: Any, d: Any) -> Any:
        """What d, of x, is in the result."""
        taken = b.not_(getattr(b, beyond)(x, y))  # both, where one is nan
        return b.select(taken, b.select(b.eq(x, y), b.mul(d, b.like(0.5, d)), d), b.like(0.0, d))

    def jvp(b: Any, out: Any, x: Any, y: Any, dx: Any, dy: Any) -> Any:
        if dx is None or dy is None:
            return share(b, y, x, dy) if dx is None else share(b, x, y, dx)
        return b.add(share(b, x, y, dx), share(b, y, x, dy))

    return primitive(
        name,
        "[T: number] (T, T) -> T",
        doc=f"{doc}; nan if either is. Ties split the derivative evenly.",
        ref=ref,
        commutes=True,
        vjp=lambda b, out, x, y, ct: (lambda: share(b, x, y, ct), lambda: share(b, y, x, ct)),
        jvp=jvp,
        llvm=llvm,
        cuda=lambda e, x, y: e.helper(name, x, y),
        cost=2,
    )


maximum = _extreme("maximum", "The greater", np.maximum, beyond="lt", llvm=lambda e, x, y: e.extreme("max", x, y))
minimum = _extreme("minimum", "The smaller", np.minimum, beyond="gt", llvm=lambda e, x, y: e.extreme("min", x, y))
copysign = primitive(
    "copysign",
    "[T: float] (T, T) -> T",
    doc="|x| with the sign of y.",
    ref=np.copysign,
    partials=lambda b, out, x, y: (lambda: b.mul(b.sign(x), b.copysign(b.like(1.0, y), y)), None),
    llvm=lambda e, x, y: e.intrinsic("copysign", x, y),
    cuda=lambda e, x, y: e.call("copysign", x, y),
)


def _step(name: str, doc: str, ref: Any, intrinsic: str) -> Primitive:
    """Piecewise constant functions: the derivative is zero wherever it exists."""
    return primitive(
        name,
        "[T: float] (T) -> T",
        doc=doc,
        ref=ref,
        partials=lambda b, out, x: (None,),
        llvm=lambda e, x: e.intrinsic(intrinsic, x),
        cuda=lambda e, x: e.call(name, x),
        cost=2,
    )


floor = _step("floor", "The greatest integer not above x, as a float.", np.floor, "floor")
ceil = _step("ceil", "The least integer not below x, as a float.", np.ceil, "ceil")
trunc = _step("trunc", "x without its fraction.", np.trunc, "trunc")
rint = _step("rint", "The nearest integer, halves to even.", np.rint, "rint")

# -- truth values, comparison, bits -------------------------------------------------------------------------------


def _comparison(name: str, doc: str, ref: Any, predicate: str, *, signature: str = "[T: any] (T, T) -> bool") -> Primitive:
    return primitive(
        name,
        signature,
        doc=doc,
        ref=ref,
        commutes=name in ("eq", "ne"),
        llvm=lambda e, x, y: e.compare(predicate, x, y),
        cuda=lambda e, x, y: e.compare(predicate, x, y),
        source=doc.rstrip("."),
    )


eq = _comparison("eq", "x == y.", np.equal, "eq")
ne = _comparison("ne", "x != y.", np.not_equal, "ne")
lt = _comparison("lt", "x < y.", np.less, "lt")
le = _comparison("le", "x <= y.", np.less_equal, "le")
gt = _comparison("gt", "x > y.", np.greater, "gt")
ge = _comparison("ge", "x >= y.", np.greater_equal, "ge")

not_ = primitive(
    "not",
    "(bool) -> bool",
    doc="not p.",
    ref=np.logical_not,
    llvm=lambda e, p: e.inst("xor", p, e.true),
    cuda=lambda e, p: f"(!{p})",
    source=lambda s, p: s.negation(p),
)
and_ = primitive(
    "and",
    "[T: bits] (T, T) -> T",
    doc="x & y.",
    ref=np.bitwise_and,
    commutes=True,
    llvm=lambda e, x, y: e.inst("and", x, y),
    cuda=lambda e, x, y: e.infix("&", x, y),
    source=lambda s, x, y: s.logical("and", "x & y", x, y),
)
or_ = primitive(
    "or",
    "[T: bits] (T, T) -> T",
    doc="x | y.",
    ref=np.bitwise_or,
    commutes=True,
    llvm=lambda e, x, y: e.inst("or", x, y),
    cuda=lambda e, x, y: e.infix("|", x, y),
    source=lambda s, x, y: s.logical("or", "x | y", x, y),
)
xor = primitive(
    "xor",
    "[T: bits] (T, T) -> T",
    doc="x ^ y.",
    ref=np.bitwise_xor,
    commutes=True,
    llvm=lambda e, x, y: e.inst("xor", x, y),
    cuda=lambda e, x, y: e.infix("^", x, y),
    source=lambda s, x, y: s.logical("!=", "x ^ y", x, y),
)
invert = primitive(
    "invert",
    "[T: int] (T) -> T",
    doc="~x.",
    ref=np.invert,
    llvm=lambda e, x: e.inst("xor", x, e.integer(-1)),
    cuda=lambda e, x: f"(~{x})",
    source="~x",
)


def _shift_ref(f: Any) -> Any:
    def ref(x: Any, n: Any) -> Any:
        if np.any(np.less(n, 0)):
            raise ValueError("negative shift count")
        return f(x, n)

    return ref


lshift = primitive(
    "lshift",
    "[T: int] (T, T) -> T",
    doc="x << n; 0 beyond the width, a negative n raises ValueError.",
    ref=_shift_ref(np.left_shift),
    order=CHECKED,
    llvm=lambda e, x, n: e.int_shift("shl", x, n),
    cuda=lambda e, x, n: e.helper("lshift", x, n),
    source=lambda s, x, n: s.guarded("np.left_shift", x, "places", n),
)
rshift = primitive(
    "rshift",
    "[T: int] (T, T) -> T",
    doc="x >> n, arithmetic; a negative n raises ValueError.",
    ref=_shift_ref(np.right_shift),
    order=CHECKED,
    llvm=lambda e, x, n: e.int_shift("ashr", x, n),
    cuda=lambda e, x, n: e.helper("rshift", x, n),
    source=lambda s, x, n: s.guarded("np.right_shift", x, "places", n),
)
isnan = primitive(
    "isnan",
    "[T: float] (T) -> bool",
    doc="x is not a number.",
    ref=np.isnan,
    llvm=lambda e, x: e.fcmp("uno", x, x),
    cuda=lambda e, x: e.compare("ne", x, x),
)
isinf = primitive(
    "isinf",
    "[T: float] (T) -> bool",
    doc="x is inf or -inf.",
    ref=np.isinf,
    llvm=lambda e, x: e.fcmp("oeq", e.absolute(x), e.real(math.inf)),
    cuda=lambda e, x: e.compare("eq", e.absolute(x), e.real(math.inf)),
)
isfinite = primitive(
    "isfinite",
    "[T: float] (T) -> bool",
    doc="x is neither inf nor nan.",
    ref=np.isfinite,
    llvm=lambda e, x: e.fcmp("one", e.absolute(x), e.real(math.inf)),
    cuda=lambda e, x: e.compare("lt", e.absolute(x), e.real(math.inf)),
)


def _convert_infer(types: tuple[Type, ...], to: Scalar) -> Type:
    (t,) = types
    if not isinstance(t, (Scalar, Array)) or not isinstance(to, Scalar):
        raise refuse("type-mismatch", f"`convert` takes a number to a type of numbers, not {t} to {to}")
    return Array(to.strong, t.shape) if isinstance(t, Array) else to


convert = primitive(
    "convert",
    _convert_infer,
    statics=("to",),
    elementwise=True,
    doc="The value as another scalar type; floats are cut towards zero, as by int(); nan and overflow give the least integer.",
    ref=lambda x, *, to: _convert_ref(x, to),
    llvm=lambda e, x, *, to: e.convert(x, to),
    cuda=lambda e, x, *, to: e.convert(x, to),
    vjp=lambda b, out, x, ct, *, to: (b.convert(ct, to=b.scalar_of(x)),),
    jvp=lambda b, out, x, dx, *, to: b.convert(dx, to=to),
    source=lambda s, x, *, to: s.convert(x, to),
)


def _convert_ref(x: Any, to: Scalar) -> Any:
    with np.errstate(all="ignore"):
        return x.astype(to.dtype) if isinstance(x, np.ndarray) else np.asarray(x).astype(to.dtype)[()]


def _select_infer(types: tuple[Type, ...]) -> Type:
    c, x, y = types
    dtype = c.dtype if isinstance(c, Array) else c
    if dtype is not BOOL or not isinstance(x, (Scalar, Array)) or getattr(c, "shape", None) != getattr(x, "shape", None):
        raise refuse("type-mismatch", f"`select` takes (bool, T, T) of one shape, not ({c}, {x}, {y})")
    return add.type_of((x, y), ()) if x is not y else x


select = primitive(
    "select",
    _select_infer,
    doc="x where c, else y; both are computed.",
    elementwise=True,
    ref=lambda c, x, y: np.asarray(np.where(c, x, y))[()],
    vjp=lambda b, out, c, x, y, ct: (
        None,
        lambda: b.select(c, ct, b.like(0.0, ct)),
        lambda: b.select(c, b.like(0.0, ct), ct),
    ),
    jvp=lambda b, out, c, x, y, dc, dx, dy: b.select(
        c, b.like(0.0, dy) if dx is None else dx, b.like(0.0, dx) if dy is None else dy
    ),
    llvm=lambda e, c, x, y: e.choose(c, x, y),
    cuda=lambda e, c, x, y: f"({c} ? {x} : {y})",
    source=lambda s, c, x, y: s.choice(c, x, y),
)
stop_gradient = primitive(
    "stop_gradient",
    "[T: any] (T) -> T",
    doc="x, with derivative zero.",
    ref=lambda x: x,
    partials=lambda b, out, x: (None,),
    llvm=lambda e, x: x,
    cuda=lambda e, x: x,
    source="x",
)

# -- elementary functions -----------------------------------------------------------------------------------------


def _function(
    name: str, doc: str, partial: Any, *, np_name: str | None = None, intrinsic: str = "", cost: int = FUNCTION_COST
) -> Primitive:
    """A float function of the C library; `partial(b, out, x)` is its derivative."""
    return primitive(
        name,
        "[T: float] (T) -> T",
        doc=doc,
        ref=libm(name, np_name),
        partials=lambda b, out, x: (lambda: partial(b, out, x),),
        llvm=(lambda e, x: e.intrinsic(intrinsic, x)) if intrinsic else (lambda e, x: e.libm(name, x)),
        cuda=lambda e, x: e.call(name, x),
        source=lambda s, x: s.libm(name, np_name or name, x),
        cost=cost,
    )


def _square(b: Any, x: Any) -> Any:
    return b.mul(x, x)


def _co_square(b: Any, x: Any) -> Any:
    """1 - x*x, without the rounding of the square near 1."""
    return b.mul(b.sub(b.like(1.0, x), x), b.add(x, b.like(1.0, x)))


sqrt = _function(
    "sqrt", "The square root; nan below 0.", lambda b, out, x: b.mul(recip(b, out), b.like(0.5, x)), intrinsic="sqrt", cost=5
)
exp = _function("exp", "e to the power x.", lambda b, out, x: out)
exp2 = primitive(
    "exp2",
    "[T: float] (T) -> T",
    doc="2 to the power x.",
    ref=np.exp2,
    partials=lambda b, out, x: (lambda: b.mul(out, b.like(math.log(2), x)),),
    llvm=lambda e, x: e.libm("exp2", x),
    cuda=lambda e, x: e.call("exp2", x),
    cost=FUNCTION_COST,
)
expm1 = _function("expm1", "exp(x) - 1, exact near 0.", lambda b, out, x: b.add(out, b.like(1.0, x)))
log = _function("log", "The natural logarithm; nan below 0, -inf at 0.", lambda b, out, x: recip(b, x))
log1p = _function("log1p", "log(1 + x), exact near 0.", lambda b, out, x: recip(b, b.add(x, b.like(1.0, x))))
log2 = _function("log2", "The logarithm to base 2.", lambda b, out, x: b.mul(recip(b, x), b.like(1 / math.log(2), x)))
log10 = _function("log10", "The logarithm to base 10.", lambda b, out, x: b.mul(recip(b, x), b.like(1 / math.log(10), x)))
sin = _function("sin", "The sine of x in radians.", lambda b, out, x: b.cos(x))
cos = _function("cos", "The cosine of x in radians.", lambda b, out, x: b.neg(b.sin(x)))
tan = _function("tan", "The tangent of x in radians.", lambda b, out, x: b.add(_square(b, out), b.like(1.0, x)))
asin = _function(
    "asin",
    "The angle in [-pi/2, pi/2] whose sine is x.",
    lambda b, out, x: recip(b, b.sqrt(_co_square(b, x))),
    np_name="arcsin",
)
acos = _function(
    "acos",
    "The angle in [0, pi] whose cosine is x.",
    lambda b, out, x: b.neg(recip(b, b.sqrt(_co_square(b, x)))),
    np_name="arccos",
)
atan = _function(
    "atan",
    "The angle in (-pi/2, pi/2) whose tangent is x.",
    lambda b, out, x: recip(b, b.add(_square(b, x), b.like(1.0, x))),
    np_name="arctan",
)
sinh = _function("sinh", "The hyperbolic sine.", lambda b, out, x: b.cosh(x))
cosh = _function("cosh", "The hyperbolic cosine.", lambda b, out, x: b.sinh(x))
tanh = _function("tanh", "The hyperbolic tangent.", lambda b, out, x: b.sub(b.like(1.0, x), _square(b, out)))
asinh = _function(
    "asinh",
    "The inverse of sinh.",
    lambda b, out, x: recip(b, b.sqrt(b.add(_square(b, x), b.like(1.0, x)))),
    np_name="arcsinh",
)
acosh = _function(
    "acosh",
    "The inverse of cosh on [0, inf).",
    lambda b, out, x: recip(b, b.sqrt(b.mul(b.sub(x, b.like(1.0, x)), b.add(x, b.like(1.0, x))))),
    np_name="arccosh",
)
atanh = _function(
    "atanh",
    "The inverse of tanh.",
    lambda b, out, x: recip(b, _co_square(b, x)),
    np_name="arctanh",
)
erf = _function("erf", "The error function.", lambda b, out, x: _gauss(b, x))
erfc = _function("erfc", "1 - erf(x), exact for large x.", lambda b, out, x: b.neg(_gauss(b, x)))
cbrt = primitive(
    "cbrt",
    "[T: float] (T) -> T",
    doc="The real cube root.",
    ref=libm("cbrt"),
    partials=lambda b, out, x: (lambda: b.mul(recip(b, _square(b, out)), b.like(1 / 3, x)),),
    llvm=lambda e, x: e.libm("cbrt", x),
    cuda=lambda e, x: e.call("cbrt", x),
    cost=FUNCTION_COST,
    source=lambda s, x: s.libm("cbrt", "cbrt", x),
)


def _gauss(b: Any, x: Any) -> Any:
    """2/sqrt(pi) * exp(-x*x)."""
    return b.mul(b.exp(b.neg(_square(b, x))), b.like(2 / math.sqrt(math.pi), x))


def _atan2_partials(b: Any, out: Any, y: Any, x: Any) -> Any:
    r = recip(b, b.add(_square(b, x), _square(b, y)))
    return lambda: b.mul(x, r), lambda: b.neg(b.mul(y, r))


atan2 = primitive(
    "atan2",
    "[T: float] (T, T) -> T",
    doc="The angle of the point (x, y); arguments are y, x.",
    ref=libm("atan2", "arctan2"),
    partials=_atan2_partials,
    llvm=lambda e, y, x: e.libm("atan2", y, x),
    cuda=lambda e, y, x: e.call("atan2", y, x),
    cost=FUNCTION_COST,
    source=lambda s, y, x: s.libm("atan2", "arctan2", y, x),
)
hypot = primitive(
    "hypot",
    "[T: float] (T, T) -> T",
    doc="sqrt(x*x + y*y) without overflow.",
    ref=libm("hypot"),
    commutes=True,
    partials=lambda b, out, x, y: (lambda: b.mul(x, recip(b, out)), lambda: b.mul(y, recip(b, out))),
    llvm=lambda e, x, y: e.libm("hypot", x, y),
    cuda=lambda e, x, y: e.call("hypot", x, y),
    cost=FUNCTION_COST,
    source=lambda s, x, y: s.libm("hypot", "hypot", x, y),
)
