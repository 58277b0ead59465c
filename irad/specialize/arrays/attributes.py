"""`len`, iteration, attributes and methods of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import literal
from irad.graph.nodes import Constant, Node
from irad.numpy import python
from irad.specialize.arrays.creation import array, dtype_of, in_order, numeric, ordered
from irad.specialize.arrays.elementwise import promote
from irad.specialize.arrays.functions import clip
from irad.specialize.arrays.indexing import getitem, setitem
from irad.specialize.arrays.products import dot
from irad.specialize.arrays.reductions import mean
from irad.specialize.arrays.shaping import diagonal, ravel, reshape, transpose
from irad.specialize.arrays.table import HANDLERS, Handler, check_count, in_python, no_keywords
from irad.specialize.arrays.ufuncs import said_once, with_options
from irad.specialize.arrays.values import array_type, as_scalar, count_of, is_array, new_array, read, size_of, view
from irad.specialize.iteration import Iteration
from irad.specialize.numbers import known_int
from irad.specialize.values import Compound, Known, Ref, is_number
from irad.types import Dim

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer


def length(s: Specializer, v: Any) -> Node | None:
    if not is_array(s, v):
        return None
    if array_type(s, v).rank == 0:
        raise s.refuse(
            "type-mismatch", "len() of an array without axes, which is a number", help="give the array an axis: x.reshape(1)"
        )
    return size_of(s, v, 0)


def static_items(s: Specializer, v: Ref, expected: int | None = None) -> list[Any] | None:
    n = array_type(s, v).shape[0]
    if isinstance(n, Dim):
        if expected is None:
            return None
        size = size_of(s, v, 0)
        s.b.assert_(
            s.b.eq(size, literal(expected)),
            error="ValueError",
            message=f"cannot unpack an array of another length into {expected} values",
        )
        n = expected
    return [getitem(s, v, literal(i)) for i in range(n)]


def iteration(s: Specializer, v: Ref) -> Iteration:
    return Iteration(size_of(s, v, 0), lambda i: getitem(s, v, i))


def getattr_(s: Specializer, v: Any, name: str) -> Any:
    if not is_array(s, v):
        of_number = is_number(v) and not v.type.weak and name in OF_NUMBERS
        return Compound("built-in method", ("array", name), [v]) if of_number else None
    t = array_type(s, v)
    if name == "shape":
        return Compound("tuple", None, [size_of(s, v, i) for i in range(t.rank)])
    if name == "ndim":
        return literal(t.rank)
    if name == "size":
        return count_of(s, v)
    if name == "T":
        return view(s, v, ("transpose", tuple(reversed(range(t.rank))))) if t.rank > 1 else v
    if name == "mT":
        if t.rank < 2:
            raise s.refuse("axis", "`.mT` of an array with fewer than two axes", help="write x.T")
        return view(s, v, ("transpose", (*range(t.rank - 2), t.rank - 1, t.rank - 2)))
    if name == "itemsize":
        return literal(t.dtype.nbytes)
    if name == "nbytes":
        return s.b.mul(count_of(s, v), literal(t.dtype.nbytes))
    if name == "dtype":
        return Known(t.dtype.dtype)
    if name == "real":
        return v
    if name == "imag":
        return HANDLERS[np.imag](s, [v], {})
    if name in METHODS or name in WRITTEN:
        return Compound("built-in method", ("array", name), [v])
    return None


def _copy(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The method, which gives an array in C order; np.copy keeps the order."""
    kwargs = {**dict(zip(("a", "order"), args, strict=False)), **kwargs}
    order = kwargs.get("order", Known("C"))
    made = array(s, [kwargs.pop("a")], kwargs)
    return ordered(made) if isinstance(order, Known) and order.value == "C" else made


def _astype(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    kwargs = in_order(s, "astype", kwargs)
    args = [*args, kwargs.pop("dtype")] if "dtype" in kwargs else args
    copy = kwargs.pop("copy", literal(True))
    no_keywords(s, "astype", kwargs)
    check_count(s, "astype", args, 2)
    same = is_array(s, args[0]) and array_type(s, args[0]).dtype is dtype_of(s, args[1])
    if same and not (isinstance(copy, Constant) and copy.value):
        return args[0]
    node = read(s, args[0]) if is_array(s, args[0]) else args[0]
    t = dtype_of(s, args[1])
    return new_array(s, node if s.b.scalar_of(node) is t else s.b.convert(node, to=t))


def _item(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if len(args) == 1:
        x = as_scalar(s, args[0])
        if not is_number(x):
            raise s.refuse(
                "type-mismatch", "item() takes an array of one element, or an index", help="name the element: x.item(0)"
            )
        return x
    return getitem(s, args[0], args[1] if len(args) == 2 else Compound("tuple", None, args[1:]))


def _fill(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    check_count(s, "fill", args, 2)
    setitem(s, args[0], Known(Ellipsis), args[1])
    return Known(None)


def _compress(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """x.compress(condition): in the function the condition stands first."""
    x, *rest = args
    return (
        in_python(np.compress)(s, rest, {**kwargs, "a": x})
        if len(rest) < 2
        else in_python(np.compress)(s, [rest[0], x, *rest[1:]], kwargs)
    )


def _facts(name: str) -> Handler:
    """np.shape(x), np.ndim(x), np.size(x): of numbers and nested lists too."""

    def call(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
        kwargs = {**dict(zip(("a", "axis"), args, strict=False)), **kwargs}
        args, axis = [kwargs.pop("a")], kwargs.pop("axis", None) if name == "size" else None
        no_keywords(s, name, kwargs)
        v = args[0] if is_array(s, args[0]) else new_array(s, numeric(s, args[0], name))
        if axis is not None:
            return size_of(s, v, known_int(s, axis, "an axis") % array_type(s, v).rank)
        if is_array(s, v):
            return getattr_(s, v, name)
        return {"shape": Compound("tuple", None, []), "ndim": literal(0), "size": literal(1)}[name]

    return call


for _name in ("shape", "ndim", "size"):
    HANDLERS[getattr(np, _name)] = _facts(_name)


def _result_type(s: Specializer, args: list[Any], kwargs: dict[str, Any]) -> Any:
    no_keywords(s, "result_type", kwargs)
    t = promote(s, [numeric(s, a, "result_type") for a in args], "result_type")
    return Known(np.dtype(t.strong.dtype))


HANDLERS[np.result_type] = _result_type


METHODS: dict[str, Handler] = {
    "sum": HANDLERS[np.sum],
    "prod": HANDLERS[np.prod],
    "max": HANDLERS[np.max],
    "min": HANDLERS[np.min],
    "mean": mean,
    "any": HANDLERS[np.any],
    "all": HANDLERS[np.all],
    "dot": dot,
    "reshape": reshape,
    "ravel": ravel,
    "flatten": lambda s, args, kwargs: ravel(s, [_copy(s, args[:1], {}), *args[1:]], kwargs),
    "transpose": transpose,
    "copy": _copy,
    "astype": _astype,
    "item": _item,
    "fill": _fill,
    "clip": clip,
    "sort": lambda s, args, kwargs: s.call_function(s.function_value(python.sort), args, kwargs),  # in place
    "partition": lambda s, args, kwargs: s.call_function(s.function_value(python.partition), args, kwargs),
    "diagonal": diagonal,
    "compress": _compress,
    "conj": lambda s, args, kwargs: HANDLERS[np.conj](s, args, kwargs),
    "conjugate": lambda s, args, kwargs: HANDLERS[np.conj](s, args, kwargs),
}


# Methods that are NumPy's functions in irad/numpy, with the array first.
WRITTEN = frozenset(
    (
        "argmax argmin argpartition argsort choose cumprod cumsum nonzero put repeat round searchsorted squeeze std swapaxes"
        " take trace var"
    ).split()
)


# Methods that numbers of NumPy's have too: x[0].sum() where x may have one axis or two.
OF_NUMBERS = frozenset(
    (
        "sum prod max min mean any all std var cumsum cumprod round clip"
        " ravel flatten reshape transpose squeeze copy astype item"
    ).split()
)


def names() -> list[str]:
    """The attributes and methods of arrays."""
    return ["T", "mT", "dtype", "imag", "itemsize", "nbytes", "ndim", "real", "shape", "size", *METHODS, *WRITTEN]


def method(head: tuple[str, str]) -> Handler:
    name = head[1]
    found, function = METHODS.get(name), getattr(np, name, None)
    if found is None:
        found = in_python(function)
    else:
        found = said_once(getattr(np.ndarray, name, None), found)
    return found if function is None else with_options(function, name, found)


def pack(s: Specializer, v: Any) -> Node | None:
    return read(s, v) if is_array(s, v) else None
