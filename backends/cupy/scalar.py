"""What the `cuda` facet of an elementwise primitive is handed as `e`: expressions of CUDA C on texts of the operand's type."""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from irad.errors import refuse
from irad.graph.nodes import Apply
from irad.primitives.table import Missing
from irad.types import F64, Scalar

__all__ = ["ScalarOps", "ctype", "literal", "scalar_of"]

CTYPE = {
    **{"f64": "double", "f32": "float", "i64": "long long", "i32": "int", "bool": "bool"},
    **{"i8": "signed char", "u8": "unsigned char", "i16": "short", "u16": "unsigned short", "u32": "unsigned int"},
}
OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

# Device functions of a type T, and of U, the unsigned whole numbers of its width; F marks a function of floats, I one of ints.
# What Python would raise is noted at `error`: 1 for a division by zero, 2 for a negative exponent, 3 for a negative shift.
HELPERS = {
    "maximum": "T NAME(T x, T y) { return x > y || x != x ? x : y; }",
    "minimum": "T NAME(T x, T y) { return x < y || x != x ? x : y; }",
    "sign": "T NAME(T x) { return x != x ? x : T(x > 0) - T(x < 0); }",
    "floordiv F": """T NAME(T x, T y) {
  if (y == 0) return x / y;
  T m = fmod(x, y), q = (x - m) / y;
  if (m != 0 && (y < 0) != (m < 0)) q -= 1;
  if (q == 0) return copysign(T(0), x / y);
  T whole = floor(q);
  return q - whole > T(0.5) ? whole + 1 : whole;
}""",
    "mod F": """T NAME(T x, T y) {
  T m = fmod(x, y);
  if (m != 0 && (y < 0) != (m < 0)) m += y;
  return m == 0 ? copysign(T(0), y) : m;
}""",
    "floordiv I": """T NAME(T x, T y, int *error) {
  if (y == 0) { *error = 1; return 0; }
  if (y == -1) return T(-U(x));
  return x / y - (x % y != 0 && (x % y < 0) != (y < 0));
}""",
    "mod I": """T NAME(T x, T y, int *error) {
  if (y == 0) { *error = 1; return 0; }
  if (y == -1) return 0;
  T m = x % y;
  return m != 0 && (m < 0) != (y < 0) ? m + y : m;
}""",
    "ipow I": """T NAME(T x, T n, int *error) {
  if (n < 0) { *error = 2; return 0; }
  U out = 1, square = U(x);
  for (; n; n >>= 1, square *= square) if (n & 1) out *= square;
  return T(out);
}""",
    "lshift I": """T NAME(T x, T n, int *error) {
  if (n < 0) { *error = 3; return 0; }
  return n >= T(8 * sizeof(T)) ? 0 : T(U(x) << n);
}""",
    "rshift I": """T NAME(T x, T n, int *error) {
  if (n < 0) { *error = 3; return 0; }
  return x >> (n >= T(8 * sizeof(T)) ? T(8 * sizeof(T) - 1) : n);
}""",
    "whole F": """long long NAME(T x) {
  return x >= T(-9223372036854775808.0) && x < T(9223372036854775808.0) ? (long long)x : -9223372036854775807LL - 1;
}""",
    "whole32 F": """int NAME(T x) {
  return x > T(-2147483649.0) && x < T(2147483648.0) ? (int)x : -2147483647 - 1;
}""",
}
CHANGE = """void NAME(T *at, T v) {
  U *bits = (U *)at, old = *bits, seen;
  do {
    seen = old;
    T x = FROM;
    T y = COMBINED;
    old = atomicCAS(bits, seen, TO);
  } while (old != seen);
}"""
FROM = {
    "f64": ("__longlong_as_double((long long)seen)", "(U)__double_as_longlong(y)"),
    "f32": ("__int_as_float((int)seen)", "(U)__float_as_int(y)"),
    "i64": ("(T)seen", "(U)y"),
    "i32": ("(T)seen", "(U)y"),
}


def scalar_of(node: Any) -> Scalar:
    """The machine scalar of a node's elements."""
    t = node.type
    return t.strong if isinstance(t, Scalar) else t.dtype.strong


def ctype(t: Scalar) -> str:
    """The type of C that has the values of a scalar type."""
    if str(t.strong) not in CTYPE:
        raise refuse("no-lowering", f"arrays of {t} have no CUDA C")
    return CTYPE[str(t.strong)]


def literal(t: Scalar, value: Any) -> str:
    """A number as CUDA C has it, to the last bit."""
    if t.kind == "b":
        return "true" if value else "false"
    if t.kind == "i":
        n, suffix = int(value), "LL" if t.width == 64 else ""
        return f"(-{-(n + 1)}{suffix} - 1)" if n < 0 else f"{n}{suffix}"
    x = float(t.dtype.type(value))
    if t.width == 64:
        if math.isfinite(x):
            return f"({x!r})" if x < 0 or str(x)[0] == "-" else repr(x)
        return f"__longlong_as_double({struct.unpack('<Q', struct.pack('<d', x))[0]:#x}LL)"
    if math.isfinite(x):
        return f"({x!r}f)" if str(x)[0] == "-" else f"{x!r}f"
    return f"__int_as_float({struct.unpack('<I', struct.pack('<f', x))[0]:#x})"


class ScalarOps:
    """Makes expressions; `self.operand` is the scalar type of the operands. Device functions that they call are collected."""

    def __init__(self) -> None:
        self.operand: Scalar = F64
        self.functions: dict[str, str] = {}
        self.fails = False  # whether what was made since this was last reset takes `error`

    def operation(self, node: Apply, operands: list[str]) -> str:
        """A scalar operation by its record."""
        if not callable(node.fn.cuda):
            reason = node.fn.cuda.reason if isinstance(node.fn.cuda, Missing) else "no rule is declared"
            raise refuse("no-lowering", f"`{node.fn.name}` has no CUDA C: {reason}", node.span)
        before, self.operand = self.operand, scalar_of(node.args[0])
        out: str = node.fn.cuda(self, *operands, **node.facts())
        self.operand = before
        return out

    def real(self, value: float) -> str:
        return literal(self.operand, value)

    def infix(self, op: str, x: str, y: str) -> str:
        return f"({x} {op} {y})"

    def arith(self, op: str, x: str, y: str) -> str:
        """Arithmetic; of ints modulo their width, which signed arithmetic in C does not promise."""
        if self.operand.kind == "f":
            return f"({x} {op} {y})"
        t = ctype(self.operand)
        return f"({t})((unsigned {t}){x} {op} (unsigned {t}){y})"

    def negate(self, x: str) -> str:
        return f"(-{x})" if self.operand.kind == "f" else self.arith("-", "0", x)

    def absolute(self, x: str) -> str:
        return self.call("fabs", x) if self.operand.kind == "f" else f"({x} < 0 ? {self.negate(x)} : {x})"

    def compare(self, predicate: str, x: str, y: str) -> str:
        return f"({x} {OPERATORS[predicate]} {y})"

    def call(self, name: str, *xs: str) -> str:
        """A mathematical function of CUDA's, of the operand's width."""
        return f"{name}{'f' if self.operand.width == 32 else ''}({', '.join(xs)})"

    def helper(self, name: str, *xs: str) -> str:
        """A device function of ours."""
        kind = f"{name} {'F' if self.operand.kind == 'f' else 'I'}"
        text = HELPERS.get(kind) or HELPERS[name]
        if "int *error" in text:
            self.fails = True
            xs = (*xs, "error")
        return f"{self.function(name, text)}({', '.join(xs)})"

    def function(self, name: str, text: str) -> str:
        """The name of a device function for operands of this type."""
        c, name = ctype(self.operand), f"irad_{name}_{self.operand.strong}"
        if name not in self.functions:
            unsigned = "unsigned long long" if self.operand.width == 64 else "unsigned int"
            aliases = f"typedef {c} T;" + (f" typedef {unsigned} U;" if re.search(r"\bU\b", text) else "")
            head, _, body = text.partition("{")
            head = head.replace("T ", f"{c} ").replace("NAME", name)
            body = body.strip().removesuffix("}").strip()
            self.functions[name] = f"__device__ {head}{{\n  {aliases}\n  {body}\n}}"
        return name

    def combined(self, over: str, x: str, y: str) -> str:
        """x and y in one, as a reduction does it."""
        if over in ("sum", "prod"):
            return self.arith("+" if over == "sum" else "*", x, y)
        if over in ("any", "all"):
            return self.infix("|" if over == "any" else "&", x, y)
        return self.helper("maximum" if over == "max" else "minimum", x, y)

    def identity(self, over: str) -> str:
        t = self.operand
        if t.kind == "f":
            value: Any = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}[over]
        elif t.kind == "b":
            value = over == "all"
        else:
            value = {"sum": 0, "prod": 1, "max": -(2 ** (t.width - 1)), "min": 2 ** (t.width - 1) - 1}[over]
        return literal(t, value)

    def atomic(self, over: str, at: str, v: str) -> str:
        """The statement that takes v into the reduction at an address, which other threads write too."""
        if self.operand.kind == "b":
            return f"if ({v}) *({at}) = true;" if over == "any" else f"if (!({v})) *({at}) = false;"
        if over == "sum":
            wide = self.operand.kind == "i" and self.operand.width == 64
            cast = "(unsigned long long *)" if wide else ""
            return f"atomicAdd({cast}({at}), {'(unsigned long long)' if wide else ''}({v}));"
        from_bits, to_bits = FROM[str(self.operand.strong)]
        text = CHANGE.replace("FROM", from_bits).replace("TO", to_bits).replace("COMBINED", self.combined(over, "x", "v"))
        return f"{self.function('atomic_' + over, text)}({at}, {v});"

    def convert(self, x: str, to: Scalar) -> str:
        """x as `to`; what no int can hold becomes the least."""
        if to.kind == "b":
            return f"({x} != 0)"
        if self.operand.kind == "f" and to.kind == "i":
            whole = self.helper("whole32" if to.width == 32 and not to.narrow else "whole", x)
            return f"({ctype(to)})({whole})" if to.narrow else whole
        return f"({ctype(to)})({x})"
