"""Python's operators, truth and `in` for arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irad.graph.build import constant
from irad.graph.nodes import Node
from irad.graph.walk import Task
from irad.specialize import objects
from irad.specialize.arrays.creation import array, ordered
from irad.specialize.arrays.elementwise import elementwise, promote, shape_text, spread
from irad.specialize.arrays.products import matmul
from irad.specialize.arrays.reductions import reduce
from irad.specialize.arrays.values import array_type, as_scalar, dims_of, is_array, new_array, node_of, read, write_whole
from irad.specialize.numbers import PRIMITIVE, by_value
from irad.specialize.values import Ref, is_number
from irad.types import BOOL, F64, I8, Array

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

OF_TRUTH = {"+": "|", "*": "&", "|": "|", "&": "&", "^": "^"}  # what NumPy's operators are for truth values
OF_BYTES = {"//": "floordiv", "%": "mod", "**": "ipow"}  # those that make 8-bit integers of them


def _operands(s: Specializer, *values: Any) -> list[Node] | None:
    """The nodes of numbers and arrays, if that is what all are; lists and tuples beside an array become arrays."""
    if not any(is_array(s, v) for v in values):
        return None
    out = []
    for v in values:
        if objects.is_tuple(v) or objects.is_list(v):
            v = array(s, [v], {})
        v = node_of(s, v)
        if not isinstance(v, Node):
            return None
        out.append(v)
    return out


def binary(s: Specializer, op: str, x: Any, y: Any) -> Any:
    result = _binary(s, op, x, y)
    arrays = [v for v in (x, y) if is_array(s, v)]
    if op != "@" and arrays and all(v.obj.ordered for v in arrays):
        return ordered(result)  # NumPy keeps the order of the operands
    return result


def _binary(s: Specializer, op: str, x: Any, y: Any) -> Any:
    nodes = _operands(s, x, y)
    if nodes is None:
        return None
    if op == "@":
        return matmul(s, [x, y], {})
    if op != "/" and all(s.b.scalar_of(x) is BOOL for x in nodes):
        if op in OF_BYTES:
            return elementwise(s, OF_BYTES[op], nodes, I8, op)
        if op not in OF_TRUTH:
            raise s.refuse(
                "type-mismatch", f"`{op}` does not apply to two arrays of truth values", help="convert one: x.astype(int)"
            )
        return elementwise(s, PRIMITIVE[OF_TRUTH[op]], nodes, BOOL, op)
    dtype = promote(s, nodes, op)
    if op == "/":
        dtype = dtype if dtype.kind == "f" else F64
        return elementwise(s, "div", nodes, dtype, op)
    if op == "**":
        if s.b.scalar_of(nodes[0]) is BOOL and dtype.kind != "f" and not isinstance(nodes[1].type, Array):
            raise s.refuse(
                "unsupported-dtype",
                "a power of truth values has 8 bits for some exponents, and cannot be compiled",
                help="convert them: x.astype(int)",
            )
        if dtype.kind == "f":
            return elementwise(s, "pow", nodes, dtype, op)
        return elementwise(s, "ipow", nodes, dtype, op)
    if op in "&|^" or op in ("<<", ">>"):
        if dtype.kind == "f":
            raise s.refuse(
                "type-mismatch",
                f"`{op}` takes integers or truth values, not floats",
                help="convert the floats: x.astype(int); `**` is the power",
            )
        return elementwise(s, PRIMITIVE[op], nodes, dtype, op)
    return elementwise(s, PRIMITIVE[op], nodes, dtype, op)


def inplace(s: Specializer, op: str, x: Ref, y: Any) -> Task:
    """x op= y: the array keeps its shape and dtype."""
    t = array_type(s, x)
    result = binary(s, op, x, y)
    if hasattr(result, "send"):
        result = yield result
    if result is None:
        raise s.refuse(
            "type-mismatch", f"`{op}=` does not apply to an array and {s.describe(y)}", help="use a number or an array"
        )
    node = read(s, result)
    assert isinstance(node.type, Array)
    if node.type.dtype.kind != t.dtype.kind:
        raise s.refuse(
            "dtype",
            f"`{op}=` would change the dtype of the array from {t.dtype} to {node.type.dtype}",
            help="make the array of floats: dtype=float",
        )
    if node.type.dtype is not t.dtype:
        node = s.b.convert(node, to=t.dtype)  # NumPy computes in the wider type, and rounds
    assert isinstance(node.type, Array)
    if node.type.rank != t.rank or any(
        isinstance(m, int) and isinstance(n, int) and m != n for m, n in zip(node.type.shape, t.shape, strict=True)
    ):
        raise s.refuse(
            "shape-mismatch",
            f"`{op}=` would change the shape of the array from {shape_text(t.shape)} to {shape_text(node.type.shape)}",
            help=f"write x = x {op} y, which makes a new array",
        )
    write_whole(s, x, spread(s, node, t.shape, dims_of(s, t.shape, [read(s, x)])))
    return x


def unary(s: Specializer, op: str, x: Any) -> Any:
    if not is_array(s, x):
        return None
    node = read(s, x)
    dtype = s.b.scalar_of(node)
    if op == "~":
        if dtype.kind == "f":
            raise s.refuse(
                "type-mismatch", "`~` does not apply to an array of floats", help="convert it: x.astype(int); `-` negates"
            )
        return new_array(s, s.b.not_(node)) if dtype is BOOL else elementwise(s, "invert", [node], dtype, op)
    if dtype.narrow:
        return elementwise(s, "neg", [node], dtype, op) if op == "-" else new_array(s, node)
    if dtype is BOOL:
        raise s.refuse("type-mismatch", f"`{op}` does not apply to an array of truth values", help="use ~x or np.where")
    return new_array(s, node if op == "+" else s.b.neg(node))


def compare(s: Specializer, op: str, x: Any, y: Any) -> Any:
    nodes = _operands(s, x, y)
    if nodes is None:
        return None
    x, y = by_value(s, *nodes)
    return elementwise(s, PRIMITIVE[op], (x, y), promote(s, (x, y), op), op)


def truth(s: Specializer, v: Any) -> Any:
    if not is_array(s, v):
        return None
    x = as_scalar(s, v)
    if not is_number(x):
        raise s.refuse(
            "ambiguous-truth",
            "the truth value of an array with several elements is ambiguous",
            help="write .any() or .all(), or np.where for a choice in each element",
        )
    return x if x.type is BOOL else s.b.ne(x, constant(x.type, 0.0 if x.type.kind == "f" else 0))


def contains(s: Specializer, x: Any, v: Ref) -> Node:
    return reduce(s, "any", read(s, compare(s, "==", v, x)), None, False)  # type: ignore[no-any-return]
