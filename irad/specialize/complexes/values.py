"""Complex values: made of two parts, taken apart into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from irad.graph.build import constant
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task
from irad.specialize import objects
from irad.specialize.arrays.elementwise import broadcast_shape, promote, spread
from irad.specialize.arrays.values import dims_of, is_array, new_array, node_of
from irad.specialize.values import Compound, Known, Ref, is_complex, is_number
from irad.types import BOOL, F32, F64, FLOAT, INT, Array, Record, Scalar, complex_type

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

# The dtypes of the parts, by what names a complex dtype.
DTYPES: dict[Any, Any] = {
    complex: np.float64,
    np.complex128: np.float64,
    np.complex64: np.float32,
    "complex": np.float64,
    "complex128": np.float64,
    "complex64": np.float32,
    np.dtype(np.complex128): np.float64,
    np.dtype(np.complex64): np.float32,
}


def part_dtype(v: Any) -> Any:
    """The dtype of the parts, where an abstract value names a complex dtype; None for anything else."""
    try:
        return DTYPES.get(v.value) if isinstance(v, Known) else None
    except TypeError:
        return None


def type_of(value: Any) -> Record:
    """The type of a complex number or array of Python's."""
    if type(value) is complex:
        return complex_type(FLOAT)
    scalar = F64 if value.dtype == np.complex128 else F32
    return complex_type(Array(scalar, value.shape) if value.ndim else scalar)


def pair(re: Any, im: Any) -> Compound:
    return Compound("complex", None, [re, im])


def imaginary(s: Specializer, value: float) -> Compound:
    """The literal `1j`."""
    return pair(constant(FLOAT, 0.0), constant(FLOAT, value))


def from_python(value: Any) -> Compound:
    """A complex number met while compiling."""
    (part, _) = type_of(value).items
    return pair(constant(part, float(value.real)), constant(part, float(value.imag)))


def common(s: Specializer, nodes: Sequence[Node]) -> Scalar:
    """The dtype of parts that are joined: a float."""
    dtype = promote(s, nodes, "complex")
    if dtype.kind == "f":
        return dtype
    return FLOAT if dtype in (INT, BOOL) and not any(isinstance(x.type, Array) for x in nodes) else F64


def as_dtype(s: Specializer, v: Any, dtype: Scalar) -> Any:
    """A real number or array in a float dtype; arrays that have it stay the objects that they are."""
    node = node_of(s, v)
    wanted = dtype.strong if isinstance(node.type, Array) else dtype
    if s.b.scalar_of(node) is wanted:
        return v
    return new_array(s, s.b.convert(node, to=wanted))


def make(s: Specializer, re: Any, im: Any) -> Compound:
    """The complex value of two real ones, which are brought to one dtype and shape."""
    nodes = [node_of(s, p) for p in (re, im)]
    dtype = common(s, nodes)
    parts = [as_dtype(s, p, dtype) for p in (re, im)]
    nodes = [node_of(s, p) for p in parts]
    shape = broadcast_shape(s, nodes, "complex")
    if shape:
        dims = dims_of(s, shape, nodes)
        parts = [
            p if n.type == Array(dtype.strong, shape) else new_array(s, spread(s, n, shape, dims))
            for p, n in zip(parts, nodes, strict=True)
        ]
    return pair(*parts)


def is_numeric(s: Specializer, v: Any) -> bool:
    return is_number(v) or is_array(s, v) or is_complex(v)


def fresh(s: Specializer, v: Any) -> Any:
    """A part as an object of its own."""
    return new_array(s, node_of(s, v))


def zero_like(s: Specializer, v: Any) -> Any:
    """The imaginary part of a real number or array."""
    if is_number(v):
        return constant(v.type if v.type.kind == "f" else FLOAT, 0.0)
    node = node_of(s, v)
    dtype = node.type.dtype if node.type.dtype.kind == "f" else F64
    return new_array(s, s.b.zeros(*dims_of(s, node.type.shape, [node]), of=Array(dtype, node.type.shape)))


def pairs(s: Specializer, *values: Any) -> list[tuple[Any, Any]]:
    """The parts of numbers and arrays in one dtype; the imaginary part of a real one is the number 0."""
    parts = [v.children if is_complex(v) else (v, None) for v in values]
    dtype = common(s, [node_of(s, p) for ps in parts for p in ps if p is not None])
    return [(as_dtype(s, x, dtype), constant(dtype, 0.0) if y is None else as_dtype(s, y, dtype)) for x, y in parts]


def split(s: Specializer, v: Any, k: int) -> Any:
    """The real (k = 0) or imaginary parts of numbers and arrays in tuples and lists; other values as they are."""
    if is_complex(v):
        return v.children[k]
    if objects.is_tuple(v):
        return Compound("tuple", v.head, [split(s, c, k) for c in v.children])
    if objects.is_list(v) and objects.growing(s, v) is None:
        return objects.new_list(s, [split(s, c, k) for c in objects.items_of(s, v)])
    if k and (is_number(v) or is_array(s, v)):
        return zero_like(s, v)
    return v


def joined(s: Specializer, re: Any, im: Any) -> Any:
    """What two results say together, one of the real and one of the imaginary parts."""
    if objects.is_tuple(re):
        return Compound("tuple", re.head, [joined(s, x, y) for x, y in zip(re.children, im.children, strict=True)])
    if objects.is_list(re):
        found = zip(objects.items_of(s, re), objects.items_of(s, im), strict=True)
        return objects.new_list(s, [joined(s, x, y) for x, y in found])
    return make(s, re, im) if is_number(re) or is_array(s, re) else re


def has_complex(s: Specializer, v: Any) -> bool:
    """Whether a value is complex, or a tuple or list with one that is."""
    if isinstance(v, Compound):
        return v.kind == "complex" or (v.kind == "tuple" and any(has_complex(s, c) for c in v.children))
    if isinstance(v, Ref) and v.obj.kind == "list":
        return objects.growing(s, v) is None and any(has_complex(s, c) for c in objects.items_of(s, v))
    return False


def called(s: Specializer, function: Any, *args: Any) -> Task:
    """The value of a function of irad/numpy/complexes.py, in the dtype of its arguments: complex where it gives a pair."""
    dtype = common(s, [node_of(s, a) for a in args if not (isinstance(a, Constant) and a.type is INT)])
    value = yield s.call_function(s.function_value(function), list(args), {})
    parts = [as_dtype(s, p, dtype) for p in (value.children if objects.is_tuple(value) else [value])]
    return make(s, *parts) if objects.is_tuple(value) else parts[0]


def finished(value: Any) -> Task:
    """A value that may be a task."""
    return (yield value) if hasattr(value, "send") else value


def pack(s: Specializer, v: Compound) -> Node:
    re, im = (node_of(s, p) for p in v.children)
    return s.b.make_record(re, im, form=complex_type(re.type).form)
