"""Functions and methods called with complex values, or asked for complex results.

A function that is linear is applied to the real and to the imaginary parts; one that is linear in several arguments to their
parts in turn; the elementary ones are in irad/numpy/complexes.py. What is not in these tables is refused.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.errors import CompileError
from irad.graph.build import constant, literal
from irad.graph.nodes import Constant
from irad.graph.walk import Task
from irad.numpy import complexes as library
from irad.numpy import fourier, table
from irad.specialize import library as python
from irad.specialize import objects
from irad.specialize.arrays.creation import array as real_array
from irad.specialize.arrays.creation import dtype_of
from irad.specialize.arrays.table import HANDLERS as REAL
from irad.specialize.arrays.table import Handler, check_count, no_keywords
from irad.specialize.arrays.values import is_array
from irad.specialize.complexes import operators
from irad.specialize.complexes.values import (
    as_dtype,
    called,
    finished,
    fresh,
    has_complex,
    is_numeric,
    joined,
    make,
    pair,
    part_dtype,
    split,
    zero_like,
)
from irad.specialize.library.table import handles, need
from irad.specialize.numbers import known_int
from irad.specialize.values import Compound, Known, is_complex, is_number
from irad.types import FLOAT

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

TABLE: dict[Any, Handler] = {}  # by the functions of Python, math, NumPy and SciPy


def handler(s: Specializer, fn: Any, args: list[Any], kwargs: dict[str, Any]) -> Handler | None:
    """The meaning of a call of a callable with complex arguments, or with a complex dtype; None where it has no such ones, or
    means the same for any values."""
    given = [*args, *kwargs.values()]
    if not any(has_complex(s, v) or part_dtype(v) is not None for v in given):
        return None
    try:
        found = TABLE.get(fn)
    except TypeError:
        return None
    if found is not None or not _is_numeric_library(fn) or fn in ANY_VALUES or fn in table("fourier"):
        return found
    if not any(has_complex(s, v) for v in given) and "dtype" not in kwargs:
        return None  # a dtype as an argument of something else: isinstance(x, complex)
    raise _refusal(s, fn)


ANY_VALUES: frozenset[Any] = frozenset(
    (
        *(len, zip, enumerate, reversed, map, tuple, list, dict, sum, any, all, bool, isinstance, callable, getattr, range),
        *(slice, complex, print, str, np.real, np.imag, np.conj, np.angle),
        *(np.array_equal, np.allclose, np.isclose, np.linalg.matrix_power),
    )
)


def _is_numeric_library(fn: Any) -> bool:
    """Whether a callable is one of Python's, math's, NumPy's or SciPy's."""
    if isinstance(fn, np.ufunc):
        return True
    if isinstance(fn, type) and issubclass(fn, BaseException):
        return False
    module = getattr(fn, "__module__", None) or type(getattr(fn, "__self__", None)).__module__
    libraries = ("numpy", "scipy") if isinstance(fn, FunctionType) else ("numpy", "scipy", "math", "builtins")
    return module.split(".")[0] in libraries


ORDERED = frozenset(
    "max min amax amin maximum minimum fmax fmin argmax argmin sort argsort sorted partition searchsorted median percentile"
    " quantile clip ptp sign less less_equal greater greater_equal nanmax nanmin nanargmax nanargmin".split()
)


def _refusal(s: Specializer, fn: Any) -> CompileError:
    name = getattr(fn, "__name__", str(fn))
    module = (getattr(fn, "__module__", None) or "numpy").split(".")[0]
    label = name if module == "builtins" else f"{'np' if module == 'numpy' else module}.{name}"
    if name in ORDERED:
        return operators.unordered(s, label)
    help = "compute with the parts: z.real and z.imag"
    if fn in (float, int, np.float64, np.float32):
        help = "take a part: z.real"
    elif module == "math":
        help = f"write np.{name}" if hasattr(np, name) else help
    return s.refuse("complex-operation", f"{label} of complex numbers cannot be compiled", help=help)


# -- functions of each number ---------------------------------------------------------------------------------------------


def as_array(s: Specializer, v: Any) -> Any:
    """A number or array as it is, a nested list or tuple as an array."""
    if not (objects.is_tuple(v) or objects.is_list(v)):
        return v
    return joined(s, *[real_array(s, [split(s, v, k)], {}) for k in (0, 1)]) if has_complex(s, v) else real_array(s, [v], {})


def _machine_number(s: Specializer, v: Any) -> Any:
    """A number of Python's as NumPy's."""
    return as_dtype(s, v, v.type.strong) if is_number(v) else v


def _elementary(name: str, function: Any) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
        no_keywords(s, name, kwargs)
        check_count(s, name, args, 1)
        return (yield from called(s, function, *[_machine_number(s, p) for p in as_array(s, args[0]).children]))

    return call


for _name in (
    "absolute exp exp2 expm1 log log2 log10 log1p sqrt square reciprocal sin cos tan sinh cosh tanh"
    " arcsin arccos arctan arcsinh arccosh arctanh"
).split():
    TABLE[getattr(np, _name)] = _elementary(_name, getattr(library, _name))


def _abs(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    need(s, "abs", args, kwargs, 1)
    return (yield from called(s, library.absolute, *args[0].children))


TABLE[abs] = _abs


def _operator(name: str, op: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
        no_keywords(s, name, kwargs)
        check_count(s, name, args, 2)
        x, y = (as_array(s, a) for a in args)
        f = operators.compare if op in ("==", "!=") else operators.binary
        found = yield from finished(f(s, op, x, y))
        if found is None:
            raise s.refuse(
                "type-mismatch", f"np.{name} does not apply to {s.describe(x)} and {s.describe(y)}", help="give it numbers"
            )
        return found

    return call


for _name, _op in (
    ("add", "+"),
    ("subtract", "-"),
    ("multiply", "*"),
    ("divide", "/"),
    ("power", "**"),
    ("float_power", "**"),
    ("equal", "=="),
    ("not_equal", "!="),
):
    TABLE[getattr(np, _name)] = _operator(_name, _op)
TABLE[pow] = _operator("power", "**")


def _unary(op: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, "negative", kwargs)
        check_count(s, "negative", args, 1)
        return operators.unary(s, op, as_array(s, args[0]))

    return call


TABLE[np.negative], TABLE[np.positive] = _unary("-"), _unary("+")


def _part(name: str, of_complex: Callable[[Any, Compound], Any], of_real: Callable[[Any, Any], Any]) -> Handler:
    """np.real and the like, which real arguments have too."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, name, kwargs)
        check_count(s, name, args, 1)
        v = as_array(s, args[0])
        if not is_numeric(s, v):
            raise s.refuse("type-mismatch", f"np.{name} takes numbers and arrays, not {s.describe(v)}", help="give it numbers")
        return of_complex(s, v) if is_complex(v) else of_real(s, v)

    return call


def _angle(s: Specializer, v: Compound) -> Any:
    re, im = v.children
    return REAL[np.arctan2](s, [im, re], {})


def _angle_of_real(s: Specializer, v: Any) -> Any:
    return REAL[np.arctan2](s, [zero_like(s, v), v], {})


REAL[np.real] = _part("real", lambda s, v: v.children[0], lambda s, v: v)
REAL[np.imag] = _part("imag", lambda s, v: v.children[1], zero_like)
REAL[np.conj] = _part("conj", operators.conjugate, fresh)
REAL[np.angle] = _part("angle", _angle, _angle_of_real)


def _of_parts(function: Any, op: str) -> Handler:
    """Whether one of the parts, or both, are so."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        no_keywords(s, function.__name__, kwargs)
        check_count(s, function.__name__, args, 1)
        re, im = (REAL[function](s, [p], {}) for p in as_array(s, args[0]).children)
        return operators._both(s, op, re, im)

    return call


for _test, _op in ((np.isnan, "|"), (np.isinf, "|"), (np.isfinite, "&")):
    TABLE[_test] = _of_parts(_test, _op)


def _complex(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """complex(x, y) is x + iy, of complex x and y too."""
    args = [*args, *[kwargs.pop(k) for k in ("real", "imag") if k in kwargs]]
    need(s, "complex", args, kwargs, 0, 2)
    xs = [s.as_scalar(a) for a in args] or [literal(0.0)]
    for x in xs:
        if not (is_number(x) or (is_complex(x) and is_number(x.children[0]))):
            raise s.refuse("type-mismatch", f"complex() takes numbers, not {s.describe(x)}", help="convert it first: float(x)")
    if len(xs) == 2 and not any(map(is_complex, xs)):
        return _weak(s, make(s, *xs))
    if len(xs) == 1:
        return _weak(s, xs[0] if is_complex(xs[0]) else make(s, xs[0], constant(FLOAT, 0.0)))
    product = yield from finished(operators.binary(s, "*", pair(constant(FLOAT, 0.0), constant(FLOAT, 1.0)), xs[1]))
    return _weak(s, (yield from finished(operators.binary(s, "+", xs[0], product))))


def _weak(s: Specializer, v: Compound) -> Compound:
    """A complex number of Python's."""
    return pair(*[as_dtype(s, p, FLOAT) for p in v.children])


handles(complex)(_complex)
TABLE[complex] = _complex


def _machine(dtype: Any) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        need(s, "complex", args, kwargs, 1)
        return _converted(s, as_array(s, args[0]), dtype)

    return call


for _class, _dtype in ((np.complex128, np.float64), (np.complex64, np.float32)):
    python.HANDLERS[_class] = TABLE[_class] = _machine(_dtype)


def _converted(s: Specializer, v: Any, dtype: Any) -> Compound:
    """A real or complex value with parts of a dtype, as a new one."""
    t = dtype_of(s, Known(dtype))
    re, im = v.children if is_complex(v) else (v, zero_like(s, v))
    return pair(*[as_dtype(s, p if is_number(p) else fresh(s, p), t) for p in (re, im)])


# -- functions of the parts -----------------------------------------------------------------------------------------------


def _real_handler(s: Specializer, fn: Any) -> Handler:
    found = python.handler(s, fn)
    assert found is not None, fn
    return found


def without_dtype(s: Specializer, name: str, kwargs: dict[str, Any], *, real: bool = False) -> dict[str, Any]:
    """The keywords with the dtype of the parts for a complex dtype. Refuses a real one, unless `real`."""
    if "dtype" not in kwargs or (isinstance(kwargs["dtype"], Known) and kwargs["dtype"].value is None):
        return {k: v for k, v in kwargs.items() if k != "dtype"}
    dtype = part_dtype(kwargs["dtype"])
    if dtype is None and not real:
        raise s.refuse(
            "complex-operation",
            f"np.{name} would drop the imaginary part",
            help="take the real part, z.real, if that is meant",
        )
    return {**kwargs, "dtype": kwargs["dtype"] if dtype is None else Known(dtype)}


def _linear(fn: Any, data: tuple[int, ...] = (0,)) -> Handler:
    """A function that is linear in the arguments at `data`, taken together; the others are as they are."""
    name = fn.__name__

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
        kwargs = without_dtype(s, name, kwargs)
        others = [a for i, a in enumerate(args) if i not in data] + [v for n, v in kwargs.items() if n not in DATA]
        if any(has_complex(s, v) for v in others):
            raise s.refuse(
                "complex-operation",
                f"np.{name} takes complex numbers as values only, not as weights, places or steps",
                help="write it out as a sum of products",
            )
        f, results = _real_handler(s, fn), []
        for k in (0, 1):
            parts = [split(s, a, k) if i in data else a for i, a in enumerate(args)]
            named = {n: split(s, v, k) if n in DATA else v for n, v in kwargs.items()}
            results.append((yield from finished(f(s, parts, named))))
        return joined(s, *results)

    return call


DATA = frozenset(  # keywords that are values
    "a arr m ary arrays tup v array values object fp choicelist y"
    " initial fill_value constant_values default prepend append".split()
)

for _name in (
    "sum mean nansum cumsum nancumsum reshape ravel transpose squeeze expand_dims swapaxes moveaxis rollaxis flip flipud fliplr"
    " rot90 roll tile repeat broadcast_to atleast_1d atleast_2d atleast_3d diag diagonal diagflat trace tril triu take"
    " take_along_axis diff ediff1d trapezoid gradient pad copy concatenate stack vstack hstack dstack column_stack array_split"
    " split vsplit hsplit dsplit delete asarray array round around nan_to_num zeros_like empty_like"
    " average block unstack cumulative_sum"
).split():
    if hasattr(np, _name):
        TABLE[getattr(np, _name)] = _linear(getattr(np, _name))
for _name, _data in (
    ("append", (0, 1)),
    ("insert", (0, 2)),
    ("compress", (1,)),
    ("extract", (1,)),
    ("select", (1, 2)),
    ("interp", (2,)),
    ("full", (1,)),
    ("full_like", (0, 1)),
    ("zeros", ()),
    ("empty", ()),
):
    TABLE[getattr(np, _name)] = _linear(getattr(np, _name), _data)


def _positional_dtype(fn: Any, at: int) -> None:
    """Let a dtype be given by position, too."""
    inner = TABLE[fn]

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if len(args) > at and part_dtype(args[at]) is not None:
            args, kwargs = [*args[:at], *args[at + 1 :]], {**kwargs, "dtype": args[at]}
        return inner(s, args, kwargs)

    TABLE[fn] = call


def _real_result(fn: Any, data: int = 0) -> Handler:
    """A function that gives real numbers from a dtype: the imaginary parts are 0."""
    name = fn.__name__

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
        kwargs = without_dtype(s, name, kwargs, real=True)
        args = [split(s, a, 0) for a in args]
        found = yield from finished(_real_handler(s, fn)(s, args, kwargs))
        return make(s, found, zero_like(s, found))

    return call


for _name in "ones ones_like eye identity arange".split():
    TABLE[getattr(np, _name)] = _real_result(getattr(np, _name))
TABLE[np.linspace] = _linear(np.linspace, (0, 1))
for _maker, _at in (
    (np.zeros, 1),
    (np.empty, 1),
    (np.ones, 1),
    (np.array, 1),
    (np.asarray, 1),
    (np.full, 2),
    (np.zeros_like, 1),
    (np.empty_like, 1),
    (np.ones_like, 1),
    (np.full_like, 2),
    (np.identity, 1),
    (np.linspace, 5),
):
    _positional_dtype(_maker, _at)


def _asarray(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """np.asarray of a complex array is the array itself."""
    if len(args) == 1 and is_complex(args[0]) and is_array(s, args[0].children[0]):
        dtype = without_dtype(s, "asarray", kwargs).get("dtype")
        t = None if dtype is None else dtype_of(s, dtype)
        if set(kwargs) <= {"dtype"} and t in (None, s.b.scalar_of(s.arrays.node_of(s, args[0].children[0]))):
            return args[0]
    return _ASARRAY(s, args, kwargs)


_ASARRAY = TABLE[np.asarray]
TABLE[np.asarray] = _asarray


def _zeros_like(fn: Any) -> None:
    """Of a complex array with a real dtype: a real array."""
    inner = TABLE[fn]

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        dtype = kwargs.get("dtype")
        if isinstance(dtype, Known) and dtype.value is not None and part_dtype(dtype) is None:
            return _real_handler(s, fn)(s, [split(s, args[0], 0), *args[1:]], kwargs)
        return inner(s, args, kwargs)

    TABLE[fn] = call


for _like in (np.zeros_like, np.empty_like, np.ones_like, np.full_like):
    _zeros_like(_like)


def _where(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    no_keywords(s, "where", kwargs)
    condition, *values = args
    condition = as_array(s, condition)
    if is_complex(condition):
        condition = operators.nonzero(s, condition)
    if not any(has_complex(s, v) for v in values):
        return REAL[np.where](s, [condition, *values], {})
    return _linear(np.where, (1, 2))(s, [condition, *values], {})


TABLE[np.where] = _where


def _of_nonzero(fn: Any) -> Handler:
    """A function of which elements are not 0."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return _real_handler(s, fn)(s, [operators.nonzero(s, as_array(s, args[0])), *args[1:]], kwargs)

    return call


for _name in "any all count_nonzero nonzero flatnonzero argwhere logical_not".split():
    TABLE[getattr(np, _name)] = _of_nonzero(getattr(np, _name))


def _of_real_part(fn: Any) -> Handler:
    """A function of the shape alone."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return _real_handler(s, fn)(s, [split(s, a, 0) for a in args], kwargs)

    return call


for _name in ("shape", "ndim", "size"):
    TABLE[getattr(np, _name)] = _of_real_part(getattr(np, _name))


# -- products -------------------------------------------------------------------------------------------------------------


def _multilinear(fn: Any, conjugated: int | None = None) -> Handler:
    """A function that is linear in each array; of `vdot` and `correlate` in the conjugate of one."""
    name = fn.__name__

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        args = [as_array(s, a) if has_complex(s, a) else a for a in args]
        if conjugated is not None and len(args) > conjugated and is_complex(args[conjugated]):
            args[conjugated] = operators.conjugate(s, args[conjugated])
        return operators.multilinear(s, _real_handler(s, fn), args, without_dtype(s, name, kwargs))

    return call


for _name in "matmul dot outer inner tensordot kron cross convolve einsum".split():
    TABLE[getattr(np, _name)] = _multilinear(getattr(np, _name))
if hasattr(np, "vecdot"):
    TABLE[np.vecdot] = _multilinear(np.vecdot, 0)
TABLE[np.vdot], TABLE[np.correlate] = _multilinear(np.vdot, 0), _multilinear(np.correlate, 1)


def _product(function: Any, running: bool) -> Handler:
    """np.prod and np.cumprod: a loop along the axis."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
        given = {**dict(zip(("a", "axis"), args, strict=False)), **kwargs}
        keepdims = given.pop("keepdims", literal(False))
        no_keywords(s, "cumprod" if running else "prod", {k: v for k, v in given.items() if k not in ("a", "axis")})
        v, axis = as_array(s, given["a"]), given.get("axis", Known(None))
        if is_number(v.children[0]):
            return v
        rank = s.arrays.node_of(s, v.children[0]).type.rank
        whole = isinstance(axis, Known) and axis.value is None
        kept = isinstance(keepdims, Constant) and bool(keepdims.value)
        if whole:
            v, n = pair(*[REAL[np.ravel](s, [p], {}) for p in v.children]), 0
        else:
            n = known_int(s, axis, "the axis of a complex product", "name one axis") % rank
            v = yield from _moved(s, v, n, 0)
        found = yield from called(s, function, *v.children)
        if running:
            return found if whole else (yield from _moved(s, found, 0, n))
        if not kept:
            return found
        if whole or rank == 1:
            return (yield from TABLE[np.reshape](s, [found, Compound("tuple", None, [literal(1)] * rank)], {}))
        return (yield from TABLE[np.expand_dims](s, [found, literal(n)], {}))

    return call


def _moved(s: Specializer, v: Any, source: int, target: int) -> Task:
    return (yield from TABLE[np.moveaxis](s, [v, literal(source), literal(target)], {}))


TABLE[np.prod], TABLE[np.cumprod] = _product(library.product, False), _product(library.running_product, True)
TABLE[math.prod] = TABLE[np.prod]


# -- statistics, norms ----------------------------------------------------------------------------------------------------


def _var(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """The mean of |z - mean|^2: the variances of the parts, added."""
    parts = []
    for k in (0, 1):
        parts.append((yield from finished(_real_handler(s, np.var)(s, [split(s, args[0], k), *args[1:]], kwargs))))
    return (yield from finished(operators._both(s, "+", *parts)))


def _std(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    found = yield from _var(s, args, kwargs)
    return REAL[np.sqrt](s, [found], {})


def _norm(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """Norms of vectors, and those of matrices that are made of the sizes of their elements."""
    order = args[1] if len(args) > 1 else kwargs.get("ord")
    v = as_array(s, args[0])
    if isinstance(order, Constant) and abs(order.value) == 2 and s.arrays.node_of(s, v.children[0]).type.rank > 1:
        raise _refusal(s, np.linalg.norm)
    if isinstance(order, Known) and order.value == "nuc":
        raise _refusal(s, np.linalg.norm)
    sizes = yield from finished(TABLE[np.abs](s, [v], {}))
    return (yield from finished(_real_handler(s, np.linalg.norm)(s, [sizes, *args[1:]], kwargs)))


TABLE[np.var], TABLE[np.std], TABLE[np.linalg.norm] = _var, _std, _norm


def _dft(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """What irad/numpy/fourier.py calls for a transform along the last axis."""
    x, y = (s.arrays.node_of(s, a) for a in args[:2])
    found = s.b.dft(x, y, inverse=bool(args[2].value))
    return Compound("tuple", None, [s.arrays.new_array(s, s.b.getitem(found, index=k)) for k in (0, 1)])


REAL[fourier._dft] = _dft
REAL[fourier._pair] = lambda s, args, kwargs: make(s, *args)


# -- methods --------------------------------------------------------------------------------------------------------------


def _astype(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    no_keywords(s, "astype", kwargs)
    check_count(s, "astype", args, 2)
    dtype = without_dtype(s, "astype", {"dtype": args[1]})
    return _converted(s, args[0], dtype["dtype"].value)


def _by_parts(name: str) -> Handler:
    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
        f, results = s.arrays.method(("array", name)), []
        for k in (0, 1):
            results.append((yield from finished(f(s, [args[0].children[k], *args[1:]], kwargs))))
        return joined(s, *results)

    return call


def _fill(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Task:
    check_count(s, "fill", args, 2)
    yield from operators.setitem(s, args[0], Known(Ellipsis), args[1])
    return Known(None)


METHODS: dict[str, Handler] = {
    **{n: _by_parts(n) for n in "reshape ravel flatten transpose copy item compress".split()},
    **{
        n: TABLE[getattr(np, n)]
        for n in (
            "sum prod mean any all dot cumsum cumprod repeat round squeeze swapaxes take trace diagonal std var nonzero".split()
        )
    },
    "astype": _astype,
    "fill": _fill,
    "conj": REAL[np.conj],
    "conjugate": REAL[np.conj],
}


def method(s: Specializer, name: str, args: list[Any], kwargs: dict[str, Any]) -> Handler | None:
    """The meaning of a method called with complex values, or with a complex dtype; None where it is called with neither."""
    if not any(has_complex(s, v) or part_dtype(v) is not None for v in (*args, *kwargs.values())):
        return None
    found = METHODS.get(name)
    if found is None:
        raise _refusal(s, getattr(np, name, None) or getattr(builtins, name, name))
    return found
