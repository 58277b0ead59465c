"""Python's operators, items, attributes and iteration for complex values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from irad.errors import CompileError
from irad.graph.build import constant, literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task
from irad.numpy import complexes as library
from irad.specialize import objects
from irad.specialize.arrays.indexing import getitem as array_getitem
from irad.specialize.arrays.indexing import setitem as array_setitem
from irad.specialize.arrays.products import matmul
from irad.specialize.arrays.values import array_type, as_scalar, is_array, new_array, node_of, size_of
from irad.specialize.complexes.values import as_dtype, called, common, finished, fresh, is_numeric, make, pair, pairs
from irad.specialize.iteration import Iteration
from irad.specialize.values import Compound, Known, is_complex, is_number
from irad.types import FLOAT

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

OPERATORS = {"+": library.add, "-": library.subtract, "*": library.multiply, "/": library.divide}
UNROLLED = 100  # powers with a smaller known integer exponent are products, as in NumPy


def binary(s: Specializer, op: str, x: Any, y: Any) -> Task:
    """x op y where one is complex; None where the other is no number."""
    x, y = _numeric(s, x), _numeric(s, y)
    if not (is_numeric(s, x) and is_numeric(s, y)):
        return None
    if op == "@":
        return (yield from multilinear(s, matmul, [x, y], {}))
    if op == "**":
        return (yield from _power(s, x, y))
    if op not in OPERATORS:
        raise s.refuse(
            "complex-operation",
            f"`{op}` does not apply to complex numbers",
            help="apply it to z.real and z.imag",
        )
    (a, b), (c, d) = pairs(s, x, y)
    return (yield from called(s, OPERATORS[op], a, b, c, d))


def _numeric(s: Specializer, v: Any) -> Any:
    """A list or tuple beside a complex array as an array."""
    if objects.is_tuple(v) or objects.is_list(v):
        from irad.specialize.complexes.functions import as_array

        return as_array(s, v)
    return v


def _power(s: Specializer, x: Any, y: Any) -> Task:
    if is_complex(x) and isinstance(y, Constant) and float(y.value).is_integer() and abs(y.value) < UNROLLED:
        return (yield from _integer_power(s, x, y, int(y.value)))
    (a, b), (c, d) = pairs(s, x, y)
    return (yield from called(s, library.power, a, b, c, d))


def _integer_power(s: Specializer, x: Any, y: Any, n: int) -> Task:
    """x ** n by squares, in the dtype of x ** y."""
    (a, b), _ = pairs(s, x, y)
    power, found = make(s, a, b), None
    for k, bit in enumerate(reversed(f"{abs(n):b}")):
        if k:
            power = yield from binary(s, "*", power, power)
        if bit == "1":
            found = power if found is None else (yield from binary(s, "*", found, power))
    if found is None:
        one = yield from finished(s.arrays.handler(s, np.ones_like)(s, [a], {}))
        return make(s, as_dtype(s, one, common(s, [node_of(s, a)])), constant(FLOAT, 0.0))
    if n > 0:
        return pair(*[fresh(s, p) for p in found.children])
    return (yield from binary(s, "/", literal(1.0), found))


def multilinear(s: Specializer, f: Any, args: list[Any], kwargs: dict[str, Any]) -> Task:
    """f(args), which is linear in each of its complex arguments: the sum over their parts."""
    at = [k for k, v in enumerate(args) if is_complex(v)]
    totals: list[Any] = [None, None]
    for choice in np.ndindex(*[2] * len(at)):
        given = list(args)
        for k, c in zip(at, choice, strict=True):
            given[k] = args[k].children[c]
        term = yield from finished(f(s, given, dict(kwargs)))
        power = sum(choice)  # of i
        total, side = totals[power % 2], power % 4 >= 2
        if total is None:
            totals[power % 2] = (yield from _real(s, "-", literal(0), term)) if side else term
        else:
            totals[power % 2] = yield from _real(s, "-" if side else "+", total, term)
    return make(s, *totals)


def _real(s: Specializer, op: str, x: Any, y: Any) -> Task:
    from irad.specialize import operators

    return (yield from finished(operators.binary(s, op, x, y)))


def unary(s: Specializer, op: str, x: Compound) -> Compound:
    if op == "~":
        raise s.refuse("complex-operation", "`~` does not apply to complex numbers", help="np.conj(z) is the conjugate")
    nodes = [node_of(s, p) for p in x.children]
    return pair(*[new_array(s, n if op == "+" else s.b.neg(n)) for n in nodes])


def conjugate(s: Specializer, x: Compound) -> Compound:
    re, im = x.children
    return pair(fresh(s, re), new_array(s, s.b.neg(node_of(s, im))))


def inplace(s: Specializer, op: str, x: Any, y: Any) -> Task:
    """What `x op= y` rebinds x to; an array is changed."""
    if is_array(s, x):
        t = array_type(s, x).dtype
        raise s.refuse(
            "dtype",
            f"`{op}=` would change the dtype of the array from {t} to complex",
            help=f"make the array of complex numbers, dtype=complex, or write x = x {op} y",
        )
    result = yield from binary(s, op, x, y)
    if result is not None and is_array(s, x.children[0]):
        yield from setitem(s, x, Known(Ellipsis), result)
        return x
    return result


def compare(s: Specializer, op: str, x: Any, y: Any) -> Any:
    """x op y where one is complex; None where the other is no number."""
    x, y = (v if is_numeric(s, v) else None for v in (x, y))
    if x is None or y is None:
        return None
    if op not in ("==", "!="):
        raise unordered(s, f"`{op}`")
    (a, b), (c, d) = pairs(s, x, y)
    return _both(s, "&" if op == "==" else "|", _compared(s, op, a, c), _compared(s, op, b, d))


def unordered(s: Specializer, what: str) -> CompileError:
    return s.refuse(
        "complex-operation",
        f"{what} does not apply to complex numbers, which have no order",
        help="compare real numbers: abs(z), z.real or z.imag",
    )


def _compared(s: Specializer, op: str, x: Any, y: Any) -> Any:
    from irad.specialize import operators

    return operators.compare(s, op, x, y)


def _both(s: Specializer, op: str, x: Any, y: Any) -> Any:
    from irad.specialize import operators

    return operators.binary(s, op, x, y)


def nonzero(s: Specializer, x: Compound) -> Any:
    """Which elements are not 0."""
    return compare(s, "!=", x, literal(0.0))


def truth(s: Specializer, v: Compound) -> Node:
    re, im = (as_scalar(s, p) for p in v.children)
    if not is_number(re):
        return s.arrays.truth(s, re)  # type: ignore[no-any-return] # refused, with what to write instead
    return s.b.or_(*[s.b.ne(p, s.b.like(0, p)) for p in (re, im)])


def contains(s: Specializer, x: Any, v: Any) -> Task:
    """x in v, for an array v."""
    found = compare(s, "==", v, x)
    return (yield from finished(s.arrays.handler(s, np.any)(s, [found], {})))


# -- items ----------------------------------------------------------------------------------------------------------------


def getitem(s: Specializer, x: Compound, i: Any) -> Task:
    re = yield from finished(array_getitem(s, x.children[0], i))
    if re is None:
        return None
    im = yield from finished(array_getitem(s, x.children[1], i))
    return pair(re, im)


def setitem(s: Specializer, x: Any, i: Any, v: Any) -> Task:
    """x[i] = v, where one is complex."""
    v = _numeric(s, v)
    if not is_complex(x):
        raise s.refuse(
            "dtype",
            f"{s.describe(v)} is put into an array of {array_type(s, x).dtype}",
            help="make the array of complex numbers, dtype=complex, or put v.real",
        )
    if not is_numeric(s, v):
        what = f"{s.describe(v)} is put into an array of complex numbers"
        raise s.refuse("type-mismatch", what, help="put numbers or arrays")
    re, im = v.children if is_complex(v) else (v, literal(0.0))
    parts = [p if is_number(p) else fresh(s, p) for p in (re, im)]  # as they are before the first write
    for target, part in zip(x.children, parts, strict=True):
        yield from finished(array_setitem(s, target, i, part))
    return None


# -- attributes and iteration ---------------------------------------------------------------------------------------------


def getattr_(s: Specializer, v: Compound, name: str) -> Any:
    """z.name; None where there is no such attribute."""
    from irad.specialize.complexes.functions import METHODS

    re, im = v.children
    if name in ("real", "imag"):
        return re if name == "real" else im
    if name == "T":
        found = s.arrays.getattr_(s, re, name), s.arrays.getattr_(s, im, name)
        return v if is_number(re) else pair(*found)
    if name == "dtype":
        return Known(np.result_type(s.b.scalar_of(node_of(s, re)).strong.dtype, np.complex64))
    if name in METHODS and (name == "conjugate" or not (is_number(re) and re.type.weak)):
        return Compound("built-in method", ("array", name), [v])
    if name in ("shape", "ndim", "size"):
        if is_number(re):
            return {"shape": Compound("tuple", None, []), "ndim": literal(0), "size": literal(1)}[name]
        return s.arrays.getattr_(s, re, name)
    return None


def setattr_(s: Specializer, v: Compound, name: str, value: Any) -> Task | None:
    """z.real = value, for an array z."""
    if name not in ("real", "imag") or not is_array(s, v.children[0]):
        raise s.refuse(
            "immutable", f"attributes of {s.describe(v)} cannot be set", help="make a new number: complex(x, z.imag)"
        )
    return finished(array_setitem(s, v.children[name == "imag"], Known(Ellipsis), value))


def _row(s: Specializer, v: Compound, i: Node) -> Compound:
    return pair(*[array_getitem(s, p, i) for p in v.children])


def static_items(s: Specializer, v: Compound, expected: int | None = None) -> list[Any] | None:
    if not is_array(s, v.children[0]):
        return None
    parts = [s.arrays.static_items(s, p, expected) for p in v.children]
    return None if parts[0] is None else [pair(x, y) for x, y in zip(*parts, strict=True)]


def iteration(s: Specializer, v: Compound) -> Iteration | None:
    if not is_array(s, v.children[0]):
        return None
    return Iteration(size_of(s, v.children[0], 0), lambda i: _row(s, v, i))
