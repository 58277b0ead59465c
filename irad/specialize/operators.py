"""Python's operators on abstract values: numbers with NumPy's promotions, strings, tuples, lists, comparisons, indexing."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from irad.errors import CompileError
from irad.graph.build import constant, literal
from irad.graph.nodes import Constant, Node
from irad.graph.walk import Task
from irad.specialize import complexes, instances, objects
from irad.specialize.numbers import PRIMITIVE, arithmetic, as_int, by_value, common, known_int
from irad.specialize.sizes import compared
from irad.specialize.values import Compound, Known, Maybe, Ref, is_complex, is_number
from irad.types import BOOL

if TYPE_CHECKING:
    from irad.specialize.specializer import Specializer

__all__ = ["binary", "compare", "getitem", "inplace", "setitem", "truth", "unary", "users_method"]

PYTHON_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SPECIAL = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "@": "matmul",
    "&": "and",
    "|": "or",
    "^": "xor",
    "<<": "lshift",
    ">>": "rshift",
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
}
SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


# -- binary and unary operators -------------------------------------------------------------------------------------


def binary(s: Specializer, op: str, x: Any, y: Any) -> Any:
    """x op y; a task where it calls the user's `__add__` and the like."""
    if is_number(x) and is_number(y):
        return arithmetic(s, op, x, y)
    special = SPECIAL[op]
    found = users_method(s, f"__{special}__", f"__r{special}__", x, y)
    if found is not None:
        return found
    if is_complex(x) or is_complex(y):
        return _complex(s, op, x, y, complexes.binary)
    found = s.arrays.binary(s, op, x, y)
    if found is not None:
        return found
    if objects.is_text(x) or objects.is_text(y):
        return _text_operator(s, op, x, y)
    if objects.is_tuple(x) and objects.is_tuple(y) and op == "+":
        return Compound("tuple", None, x.children + y.children)
    if op == "*" and (objects.is_tuple(x) or objects.is_list(x)) and is_number(y):
        return _repeated(s, x, y)
    if op == "*" and (objects.is_tuple(y) or objects.is_list(y)) and is_number(x):
        return _repeated(s, y, x)
    if objects.is_list(x) and objects.is_list(y) and op == "+":
        return objects.new_list(s, [*objects.items_of(s, x), *objects.items_of(s, y)])
    raise _unsupported(s, op, x, y)


def _complex(s: Specializer, op: str, x: Any, y: Any, f: Callable[..., Task]) -> Task:
    found = yield f(s, op, x, y)
    if found is None:
        raise _unsupported(s, op, x, y)
    return found


def users_method(s: Specializer, name: str, reflected: str, x: Any, y: Any) -> Any:
    """The call of what x or y defines for an operator; None where neither does."""
    for method, self_, other in ((name, x, y), (reflected, y, x)):
        found = instances.special_method(s, self_, method)
        if found is not None:
            return s.call(found, [other], {})
    return None


def _unsupported(s: Specializer, op: str, x: Any, y: Any) -> CompileError:
    help = "convert one of them, or apply it to their items"
    if any(isinstance(v, Known) and v.value is None for v in (x, y)):
        help = "test it with `is None` first; a function that ends without `return` gives None"
    elif op == "+" and any(map(objects.is_text, (x, y))):
        help = "text joins only text: write str(x), or an f-string"
    elif any(map(objects.is_list, (x, y))) and any(map(objects.is_tuple, (x, y))):
        help = "make both tuples, or both lists: list(x)"
    elif any(objects.is_tuple(v) or objects.is_list(v) for v in (x, y)):
        help = "make an array of it, np.array(x), or apply it to each item"
    message = f"`{op}` does not apply to {s.describe(x)} and {s.describe(y)}"
    return s.refuse("type-mismatch", message, help=help, notes=s.origins(x, y))


def _text_operator(s: Specializer, op: str, x: Any, y: Any) -> Any:
    values = [v.value for v in (x, y) if isinstance(v, (Known, Constant))]
    if len(values) == 2 and op in "+*%":
        try:
            return Known(PYTHON_OPERATORS[op](*values))
        except (TypeError, ValueError):
            raise _unsupported(s, op, x, y) from None
    if op == "+" and objects.is_text(x) and objects.is_text(y):
        return objects.joined_text(s, [x, y])
    if op == "%" and objects.is_text(x):
        raise s.refuse(
            "unsupported-text",
            "text cannot be formatted by `%` with values known at run time only",
            help='write an f-string, f"{x:.3f}" for "%.3f" % x, in print, raise or assert',
        )
    raise _unsupported(s, op, x, y)


def _repeated(s: Specializer, x: Any, n: Node) -> Any:
    if not isinstance(n, Constant) and n.type.kind == "i":  # type: ignore[attr-defined]
        raise s.needs_static(
            "the number of repetitions must be known at compile time",
            "write [x for _ in range(n)], or make an array: np.full(n, x)",
        )
    count = known_int(s, n, "the number of repetitions", "for a product of each item make an array: np.array(xs) * x")
    if objects.is_tuple(x):
        return Compound("tuple", None, x.children * count)
    return objects.new_list(s, list(objects.items_of(s, x)) * count)


def inplace(s: Specializer, op: str, x: Any, y: Any) -> Any:
    """What `x op= y` rebinds x to; objects that can are changed in place."""
    if objects.is_list(x) and op == "+":
        return objects.extend(s, x, y)
    if is_complex(x) or (is_complex(y) and s.arrays.is_array(s, x)):
        return _complex(s, op, x, y, complexes.inplace)
    if isinstance(x, Ref) and x.obj.kind == "array":
        return s.arrays.inplace(s, op, x, y)
    found = instances.special_method(s, x, f"__i{SPECIAL[op]}__")
    if found is not None:
        return s.call(found, [y], {})
    return binary(s, op, x, y)


def unary(s: Specializer, op: str, x: Any) -> Any:
    b = s.b
    if op == "not":
        return _not(s, x)
    if op == "bool":
        return truth(s, x)
    if is_number(x):
        if op == "~" and x.type is BOOL:
            raise s.refuse(
                "type-mismatch",
                "`~` of a truth value is -1 or -2 in Python, and the other truth value in NumPy",
                help="write `not x`, or ~int(x)",
            )
        x = as_int(s, x)
        if op == "-":
            return b.neg(x)
        if op == "+":
            return x
        if x.type.kind == "i":
            return b.invert(x)
    if is_complex(x):
        return complexes.unary(s, op, x)
    found = s.arrays.unary(s, op, x)
    if found is not None:
        return found
    method = instances.special_method(s, x, {"-": "__neg__", "+": "__pos__", "~": "__invert__"}[op])
    if method is not None:
        return s.call(method, [], {})
    raise s.refuse("type-mismatch", f"unary `{op}` does not apply to {s.describe(x)}", help="apply it to a number or an array")


def _not(s: Specializer, x: Any) -> Task:
    test = yield truth(s, x)
    return s.b.not_(test)


def truth(s: Specializer, v: Any) -> Task:
    """bool(v) as a node."""
    yield from ()
    if is_number(v):
        return v if v.type is BOOL else compare(s, "!=", v, constant(v.type, 0.0 if v.type.kind == "f" else 0))
    if isinstance(v, Known):
        return literal(bool(v.value))
    if isinstance(v, Maybe):
        raise s.refuse("unset-name", "this value is not set on every path", help="set it on every path")
    if is_complex(v):
        return complexes.truth(s, v)
    method = instances.special_method(s, v, "__bool__") or instances.special_method(s, v, "__len__")
    if method is not None:
        value = yield s.call(method, [], {})
        return (yield truth(s, value))
    if isinstance(v, Compound) and v.kind == "tuple":
        return literal(bool(v.children))
    n = objects.length(s, v)
    if n is not None:
        return compare(s, "!=", n, literal(0))
    found = s.arrays.truth(s, v)
    if found is not None:
        return found
    return literal(True)


# -- comparison -----------------------------------------------------------------------------------------------------


def compare(s: Specializer, op: str, x: Any, y: Any) -> Any:
    """x op y, for the comparison operators, `is` and `in`."""
    if op in ("is", "is not"):
        same = _identical(s, x, y)
        return literal(same == (op == "is"))
    if op in ("in", "not in"):
        return _contains(s, x, y, op == "in")
    if is_number(x) and is_number(y):
        if not (x.type is BOOL and y.type is BOOL):
            x, y, _ = common(s, *by_value(s, x, y), op)
        known = compared(op, x, y)
        if known is not None:
            return literal(known)
        return s.b.apply(s.b.primitives[PRIMITIVE[op]], (x, y))
    if op != "==":
        found = users_method(s, f"__{SPECIAL[op]}__", f"__{SPECIAL[SWAPPED[op]]}__", x, y)
        if found is not None:
            return found
    if is_complex(x) or is_complex(y):
        found = complexes.compare(s, op, x, y)
        if found is not None:
            return found
    found = s.arrays.compare(s, op, x, y)
    if found is not None:
        return found
    if isinstance(x, Known) and isinstance(y, Known):
        try:
            return literal(bool(PYTHON_OPERATORS[op](x.value, y.value)))
        except TypeError:
            raise _unsupported(s, op, x, y) from None
    if op in ("==", "!="):
        return _equal(s, op, x, y)
    if objects.is_tuple(x) and objects.is_tuple(y):
        return _lexicographic(s, op, x.children, y.children)
    raise _unsupported(s, op, x, y)


def _identical(s: Specializer, x: Any, y: Any) -> bool:
    if isinstance(x, Known) and isinstance(y, Known):
        return x.value is y.value
    if isinstance(x, Ref) and isinstance(y, Ref):
        return x.obj is y.obj
    if any(isinstance(v, Known) and (v.value is None or v.value is Ellipsis or isinstance(v.value, type)) for v in (x, y)):
        return False
    raise s.refuse(
        "unsupported-is",
        f"`is` between {s.describe(x)} and {s.describe(y)} has no meaning in compiled code",
        help="compare with `==`, or test `is None`",
    )


def _equal(s: Specializer, op: str, x: Any, y: Any) -> Task:
    result = yield _equality(s, x, y)
    return result if op == "==" else s.b.not_(result)


def _equality(s: Specializer, x: Any, y: Any) -> Task:
    if (is_number(x) and is_number(y)) or (isinstance(x, Known) and isinstance(y, Known)):
        return compare(s, "==", x, y)
    if (is_complex(x) or is_complex(y)) and complexes.compare(s, "==", x, y) is not None:
        return (yield truth(s, complexes.compare(s, "==", x, y)))
    found = users_method(s, "__eq__", "__eq__", x, y)
    if found is not None:
        value = yield found
        return (yield truth(s, value))
    pairs = objects.compared_items(s, x, y)
    if pairs is None:
        return literal(False)
    result: Node = literal(True)
    for p, q in pairs:
        result = s.b.and_(result, (yield _equality(s, p, q)))
    return result


def _lexicographic(s: Specializer, op: str, x: tuple[Any, ...], y: tuple[Any, ...]) -> Task:
    """Order of tuples: by the first items that differ, then by length."""
    b = s.b
    if not x or not y:
        return literal(PYTHON_OPERATORS[op](len(x), len(y)))
    same = yield _equality(s, x[0], y[0])
    first = compare(s, op, x[0], y[0])
    if hasattr(first, "send"):
        first = yield first
    rest = yield _lexicographic(s, op, x[1:], y[1:])
    return b.select(same, rest, first)


def _contains(s: Specializer, x: Any, y: Any, wanted: bool) -> Any:
    if isinstance(y, Known) and isinstance(y.value, str):
        if isinstance(x, Known) and isinstance(x.value, str):
            return literal((x.value in y.value) == wanted)
        raise _unsupported(s, "in" if wanted else "not in", x, y)
    keys = objects.dict_keys(s, y)
    items = [Known(k) if isinstance(k, str) else literal(k) for k in keys] if keys is not None else None
    return _any_equal(s, x, y, items, wanted)


def _any_equal(s: Specializer, x: Any, y: Any, items: list[Any] | None, wanted: bool) -> Task:
    method = instances.special_method(s, y, "__contains__")
    if method is not None:
        value = yield s.call(method, [x], {})
        result = yield truth(s, value)
    elif is_complex(y) or (is_complex(x) and s.arrays.is_array(s, y)):
        result = yield complexes.contains(s, x, y)
    elif items is None and s.arrays.is_array(s, y):
        result = s.arrays.contains(s, x, y)
    elif isinstance(y, Compound) and y.kind == "range":
        result = _in_range(s, x, y)
    else:
        result = literal(False)
        for item in items if items is not None else objects.known_items(s, y):
            result = s.b.or_(result, (yield _equality(s, x, item)))
    return result if wanted else s.b.not_(result)


def _in_range(s: Specializer, x: Any, y: Compound) -> Node:
    b = s.b
    start, stop, step = y.children
    if isinstance(step, Constant) and step.value == 1:
        return b.and_(compare(s, ">=", x, start), compare(s, "<", x, stop))
    raise s.refuse("unsupported-in", "`in` on a range with a step", help="test the bounds and the remainder")


# -- items ----------------------------------------------------------------------------------------------------------


def getitem(s: Specializer, x: Any, i: Any) -> Any:
    """x[i]."""
    method = instances.special_method(s, x, "__getitem__")
    if method is not None:
        return s.call(method, [i], {})
    if objects.is_tuple(x) or objects.is_list(x) or (isinstance(x, Known) and isinstance(x.value, str)):
        return objects.sequence_item(s, x, i)
    if objects.dict_keys(s, x) is not None:
        return objects.dict_item(s, x, i)
    found = complexes.getitem(s, x, i) if is_complex(x) else s.arrays.getitem(s, x, i)
    if found is not None:
        return found
    raise s.refuse(
        "not-subscriptable",
        f"{s.describe(x)} has no items",
        help="index a tuple, list, dict or array; make an array of a number by np.array([x])",
    )


def setitem(s: Specializer, x: Any, i: Any, v: Any) -> Any:
    """x[i] = v."""
    if objects.is_list(x):
        return objects.set_list_item(s, x, i, v)
    if objects.dict_keys(s, x) is not None:
        return objects.set_dict_item(s, x, i, v)
    if is_complex(x) or (is_complex(v) and s.arrays.is_array(s, x)):
        return complexes.setitem(s, x, i, v)
    if s.arrays.is_array(s, x):
        return s.arrays.setitem(s, x, i, v)
    method = instances.special_method(s, x, "__setitem__")
    if method is not None:
        return s.call(method, [i, v], {})
    raise s.refuse(
        "immutable",
        f"{s.describe(x)} does not take item assignment",
        help="build a new tuple, or use a list or an array",
    )
