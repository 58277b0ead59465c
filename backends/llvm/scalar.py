"""What the `llvm` facet of a scalar primitive is handed as `e`: instructions on operands of the current node's type."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from irad.backends.llvm.layout import SCALAR, literal_text
from irad.backends.llvm.vectors import vector_bits, vector_function

from irad.errors import InternalError, refuse
from irad.graph.build import constant_value
from irad.graph.nodes import Apply
from irad.primitives.table import Missing
from irad.types import F64, Scalar

__all__ = ["ScalarOps"]

PREDICATES = {
    "eq": ("oeq", "eq"),
    "ne": ("une", "ne"),
    "lt": ("olt", "slt"),
    "le": ("ole", "sle"),
    "gt": ("ogt", "sgt"),
    "ge": ("oge", "sge"),
}
INTRINSICS = {"sqrt", "floor", "ceil", "trunc", "rint", "copysign", "fabs"}


class ScalarOps:
    """Emits scalar instructions; `self.node` is the operation, `self.operand` the scalar type of its arguments."""

    node: Apply

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.made: dict[str, str] = {}  # the name of a value -> the instruction that gives it
        self.operand: Scalar = F64
        self.counter = 0
        self.used: set[str] = set()
        self.libm_used: set[tuple[str, str, int]] = set()
        self.lanes = 0  # of the vectors that are operated on; 0 for scalars

    def emit(self, text: str) -> str:
        """An instruction with a result."""
        self.counter += 1
        name = f"%v{self.counter}"
        self.made[name] = text
        self.lines.append(f"  {name} = {text}")
        return name

    label: str

    def fail_if(self, bad: str, error: str, message: str, values: Any = ()) -> None:
        raise NotImplementedError

    def declare(self, text: str) -> None:
        raise NotImplementedError

    def new_label(self, name: str) -> str:
        raise NotImplementedError

    def start(self, label: str) -> None:
        raise NotImplementedError

    def jump(self, label: str) -> None:
        raise NotImplementedError

    def branch(self, test: str, then: str, orelse: str, *, unlikely: bool = False) -> None:
        raise NotImplementedError

    def vector(self, t: str) -> str:
        """The LLVM type of operands whose scalar type is t."""
        return f"<{self.lanes} x {t}>" if self.lanes else t

    @property
    def ll(self) -> str:
        return self.vector(SCALAR[str(self.operand)])

    @property
    def bit(self) -> str:
        return self.vector("i1")

    def literal(self, t: str, text: str) -> str:
        """A constant, in every lane."""
        return f"splat ({t} {text})" if self.lanes else text

    @property
    def flags(self) -> str:
        return " contract" if self.node.adjoint or self.fast or self.contracts else ""

    fast = False
    contracts = False  # what is emitted promises no rounding of its steps: a product in a sum

    def is_float(self, x: str) -> bool:
        return self.operand.kind == "f"

    def real(self, value: float) -> str:
        return self.literal(SCALAR[str(self.operand)], literal_text(self.operand, value))

    def integer(self, value: int) -> str:
        return self.literal(SCALAR[str(self.operand)], str(value))

    @property
    def true(self) -> str:
        return self.literal("i1", "true")

    def instruction(self, node: Apply, operands: list[str]) -> str:
        """A scalar operation by its record."""
        if not callable(node.fn.llvm):
            reason = node.fn.llvm.reason if isinstance(node.fn.llvm, Missing) else "no rule is declared"
            raise refuse("no-lowering", f"`{node.fn.name}` cannot be compiled for this machine: {reason}", node.span)
        before = self.node, self.operand
        self.node, self.operand = node, self.scalar(node.args[0].type)
        out: str = node.fn.llvm(self, *operands, **node.facts())
        self.node, self.operand = before
        return out

    # -- arithmetic ----------------------------------------------------------------------------------------------------

    def arith(self, real: str, integer: str, x: str, y: str) -> str:
        if self.operand.kind == "f":
            return self.emit(f"{real}{self.flags} {self.ll} {x}, {y}")
        return self.emit(f"{integer} {self.ll} {x}, {y}")

    def inst(self, op: str, x: str, y: str) -> str:
        return self.emit(f"{op} {self.ll} {x}, {y}")

    def negate(self, x: str) -> str:
        return (
            self.emit(f"fneg{self.flags} {self.ll} {x}")
            if self.operand.kind == "f"
            else self.emit(f"sub {self.ll} {self.integer(0)}, {x}")
        )

    def absolute(self, x: str) -> str:
        if self.operand.kind == "f":
            return self.intrinsic("fabs", x)
        minus = self.emit(f"sub {self.ll} {self.integer(0)}, {x}")
        below = self.emit(f"icmp slt {self.ll} {x}, {self.integer(0)}")
        return self.emit(f"select {self.bit} {below}, {self.ll} {minus}, {self.ll} {x}")

    def sign(self, x: str) -> str:
        """-1, 0 or 1, or nan."""
        differs = self.fcmp("one", x, self.real(0.0))
        same = self.emit(f"fadd {self.ll} {x}, {self.real(0.0)}")  # 0 of either sign is 0
        one = self.intrinsic("copysign", self.real(1.0), x)
        return self.emit(f"select {self.bit} {differs}, {self.ll} {one}, {self.ll} {same}")

    def intrinsic(self, name: str, *xs: str) -> str:
        if name not in INTRINSICS:
            raise InternalError(f"no intrinsic {name}")
        suffix = (f"v{self.lanes}" if self.lanes else "") + f"f{self.operand.width}"
        self.used.add(f"llvm.{name}.{suffix}/{len(xs)}")
        args = ", ".join(f"{self.ll} {x}" for x in xs)
        return self.emit(f"call{self.flags if name == 'sqrt' else ''} {self.ll} @llvm.{name}.{suffix}({args})")

    def libm(self, name: str, *xs: str) -> str:
        """A function of the C library: of all lanes at once where libmvec has it."""
        suffix = "" if self.operand.width == 64 else "f"
        args = ", ".join(f"{self.ll} {x}" for x in xs)
        if self.lanes * self.operand.width > vector_bits():
            return self.in_halves(lambda *half: self.libm(name, *half), xs)
        if self.lanes:
            symbol = vector_function(name + suffix, self.lanes * self.operand.width, self.lanes, len(xs))
            if symbol is None:
                return self.each_lane(lambda *lane: self.libm(name, *lane), xs)
            self.declare(f"declare {self.ll} @{symbol}({', '.join([self.ll] * len(xs))}) #1")
            return self.emit(f"call {self.ll} @{symbol}({args}) #1")
        self.libm_used.add((name, self.ll, len(xs)))
        return self.emit(f"call {self.ll} @{name}{suffix}({args}) #1")

    def in_halves(self, f: Callable[..., str], xs: Sequence[str]) -> str:
        """An operation on vectors that are longer than the processor's."""
        whole, n, scalar = self.ll, self.lanes // 2, SCALAR[str(self.operand)]
        halves = []
        for first in (0, n):
            order = ", ".join(f"i32 {first + i}" for i in range(n))
            parts = [self.emit(f"shufflevector {whole} {x}, {whole} poison, <{n} x i32> <{order}>") for x in xs]
            self.lanes = n
            halves.append(f(*parts))
            self.lanes = 2 * n
        order = ", ".join(f"i32 {i}" for i in range(2 * n))
        return self.emit(f"shufflevector <{n} x {scalar}> {halves[0]}, <{n} x {scalar}> {halves[1]}, <{2 * n} x i32> <{order}>")

    def each_lane(self, f: Callable[..., str], xs: Sequence[str]) -> str:
        """A scalar operation on one lane after the other."""
        vector, lanes, scalar = self.ll, self.lanes, SCALAR[str(self.operand)]
        out = "poison"
        for i in range(lanes):
            one = [self.emit(f"extractelement {vector} {x}, i64 {i}") for x in xs]
            self.lanes = 0
            value = f(*one)
            self.lanes = lanes
            out = self.emit(f"insertelement {vector} {out}, {scalar} {value}, i64 {i}")
        return out

    def helper(self, name: str, *xs: str) -> str:
        """A function of the run time, of which each has a version for floats."""
        if self.lanes:
            return self.each_lane(lambda *lane: self.helper(name, *lane), xs)
        name += ".f32" if self.ll == "float" else ""
        self.used.add(name)
        return self.emit(f"call {self.ll} @irad.{name}({', '.join(f'{self.ll} {x}' for x in xs)}) #1")

    def constant_argument(self, i: int) -> float | None:
        return constant_value(self.node.args[i])  # type: ignore[no-any-return]

    def power(self, x: str, y: str) -> str:
        """x ** y: a known whole exponent is a product of squares, 1/2 is a square root."""
        n = self.constant_argument(1)
        if n is not None and math.isfinite(n) and n == int(n) and 0 < abs(n) <= 64:
            if n < 0 and self.lanes:
                return self.product(self.emit(f"fdiv{self.flags} {self.ll} {self.real(1.0)}, {x}"), -int(n))
            power = self.product(x, abs(int(n)))
            return power if n > 0 else self.inverse_power(x, y, power)
        if n == 0.5:
            root = self.intrinsic("sqrt", self.emit(f"fadd {self.ll} {x}, {self.real(0.0)}"))
            infinite = self.emit(f"fcmp oeq {self.ll} {x}, {self.real(-math.inf)}")
            return self.emit(f"select {self.bit} {infinite}, {self.ll} {self.real(math.inf)}, {self.ll} {root}")
        return self.libm("pow", x, y)

    def inverse_power(self, x: str, y: str, power: str) -> str:
        """1 / x**n; where x**n overflows its inverse may still be a (subnormal) number, which `pow` finds."""
        inverse = self.emit(f"fdiv{self.flags} {self.ll} {self.real(1.0)}, {power}")
        infinite = self.fcmp("oeq", self.intrinsic("fabs", power), self.real(math.inf))
        before, cold, go_on = self.label, self.new_label("overflow"), self.new_label("power")
        self.branch(infinite, cold, go_on, unlikely=True)
        self.start(cold)
        exact = self.libm("pow", x, y)
        self.jump(go_on)
        self.start(go_on)
        return self.emit(f"phi {self.ll} [ {inverse}, %{before} ], [ {exact}, %{cold} ]")

    def product(self, x: str, n: int) -> str:
        result = ""
        while n:
            if n & 1:
                result = self.emit(f"fmul{self.flags} {self.ll} {result}, {x}") if result else x
            n >>= 1
            if n:
                x = self.emit(f"fmul{self.flags} {self.ll} {x}, {x}")
        return result

    def extreme(self, which: str, x: str, y: str) -> str:
        if self.operand.kind == "f":
            order = self.emit(f"fcmp {'ogt' if which == 'max' else 'olt'} {self.ll} {x}, {y}")
            nan = self.emit(f"fcmp uno {self.ll} {x}, {x}")
            first = self.emit(f"or {self.bit} {order}, {nan}")
        elif self.operand.kind == "b":
            return self.inst("or" if which == "max" else "and", x, y)
        else:
            first = self.emit(f"icmp {'sge' if which == 'max' else 'sle'} {self.ll} {x}, {y}")
        return self.emit(f"select {self.bit} {first}, {self.ll} {x}, {self.ll} {y}")

    # -- comparison ----------------------------------------------------------------------------------------------------

    def compare(self, predicate: str, x: str, y: str) -> str:
        real, integer = PREDICATES[predicate]
        if self.operand.kind == "f":
            return self.fcmp(real, x, y)
        if self.operand.kind == "b":
            integer = integer.replace("s", "u") if integer[0] == "s" else integer
        return self.emit(f"icmp {integer} {self.ll} {x}, {y}")

    def fcmp(self, predicate: str, x: str, y: str) -> str:
        return self.emit(f"fcmp {predicate} {self.ll} {x}, {y}")

    def choose(self, c: str, x: str, y: str) -> str:
        t = self.vector(SCALAR[str(self.scalar(self.node.type))])
        return self.emit(f"select {self.bit} {c}, {t} {x}, {t} {y}")

    @staticmethod
    def scalar(t: Any) -> Scalar:
        return t if isinstance(t, Scalar) else t.dtype

    # -- integers ------------------------------------------------------------------------------------------------------

    def divisor(self, y: str) -> tuple[str, str | None]:
        """The divisor, zero refused; and the test for -1, whose quotient overflows for the least integer."""
        n = self.constant_argument(1)
        if n is not None and n not in (0, -1):
            return y, None
        self.fail_if(self.emit(f"icmp eq {self.ll} {y}, 0"), "ZeroDivisionError", "integer division or modulo by zero")
        minus = self.emit(f"icmp eq {self.ll} {y}, -1")
        return self.emit(f"select i1 {minus}, {self.ll} 1, {self.ll} {y}"), minus

    def int_floordiv(self, x: str, y: str) -> str:
        d, minus = self.divisor(y)
        q = self.emit(f"sdiv {self.ll} {x}, {d}")
        r = self.emit(f"srem {self.ll} {x}, {d}")
        down = self.rounds_down(r, d)
        less = self.emit(f"sub {self.ll} {q}, 1")
        out = self.emit(f"select i1 {down}, {self.ll} {less}, {self.ll} {q}")
        if minus is None:
            return out
        negated = self.emit(f"sub {self.ll} {self.integer(0)}, {x}")
        return self.emit(f"select i1 {minus}, {self.ll} {negated}, {self.ll} {out}")

    def rounds_down(self, r: str, d: str) -> str:
        nonzero = self.emit(f"icmp ne {self.ll} {r}, 0")
        signs = self.emit(f"xor {self.ll} {r}, {d}")
        differ = self.emit(f"icmp slt {self.ll} {signs}, 0")
        return self.emit(f"and i1 {nonzero}, {differ}")

    def int_mod(self, x: str, y: str) -> str:
        d, _ = self.divisor(y)
        r = self.emit(f"srem {self.ll} {x}, {d}")
        down = self.rounds_down(r, d)
        more = self.emit(f"add {self.ll} {r}, {d}")
        return self.emit(f"select i1 {down}, {self.ll} {more}, {self.ll} {r}")

    def int_power(self, x: str, n: str) -> str:
        known = self.constant_argument(1)
        if known is None or known < 0:
            self.fail_if(
                self.emit(f"icmp slt {self.ll} {n}, 0"),
                "ValueError",
                "an integer to a negative power is not an integer; write float(x) ** n",
            )
        self.used.add("ipow")
        if self.operand.width == 64:
            return self.emit(f"call i64 @irad.ipow(i64 {x}, i64 {n})")
        wide = [self.emit(f"sext {self.ll} {v} to i64") for v in (x, n)]
        return self.emit(f"trunc i64 {self.emit(f'call i64 @irad.ipow(i64 {wide[0]}, i64 {wide[1]})')} to {self.ll}")

    def int_shift(self, op: str, x: str, n: str) -> str:
        known = self.constant_argument(1)
        if known is not None and 0 <= known < self.operand.width:
            return self.inst(op, x, n)
        self.fail_if(self.emit(f"icmp slt {self.ll} {n}, 0"), "ValueError", "negative shift count")
        last = self.operand.width - 1
        wide = self.emit(f"icmp sgt {self.ll} {n}, {last}")
        if op == "ashr":
            return self.inst(op, x, self.emit(f"select i1 {wide}, {self.ll} {last}, {self.ll} {n}"))
        shifted = self.inst(op, x, self.emit(f"select i1 {wide}, {self.ll} 0, {self.ll} {n}"))
        return self.emit(f"select i1 {wide}, {self.ll} 0, {self.ll} {shifted}")

    def convert(self, x: str, to: Scalar) -> str:
        """x as `to`."""
        source, target = self.ll, self.vector(SCALAR[str(to)])
        a, b = self.operand.kind, to.kind
        if source == target:
            return x
        if b == "b":
            zero = self.real(0.0) if a == "f" else self.integer(0)
            return self.emit(f"fcmp une {source} {x}, {zero}" if a == "f" else f"icmp ne {source} {x}, {zero}")
        if a == "f" and b == "f":
            return self.emit(f"{'fpext' if to.width > self.operand.width else 'fptrunc'} {source} {x} to {target}")
        if a == "f":
            if to.narrow:  # cut, as C's conversions are
                whole = self.vector("i64")
                return self.emit(f"trunc {whole} {self.emit(f'fptosi {source} {x} to {whole}')} to {target}")
            return self.emit(f"fptosi {source} {x} to {target}")
        natural = a == "b" or not self.operand.signed
        if b == "f":
            return self.emit(f"{'uitofp' if natural else 'sitofp'} {source} {x} to {target}")
        if a != "b" and to.width < self.operand.width:
            return self.emit(f"trunc {source} {x} to {target}")
        return self.emit(f"{'zext' if natural else 'sext'} {source} {x} to {target}")
