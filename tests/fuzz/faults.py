"""Seeded faults: mistakes that the differential run has to find. `python -m tests.fuzz --fault mul` shows one.

Each is switched on by exchanging a rule or a method in the process of a worker; nothing in irad knows of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["DERIVATIVES", "FAULTS", "HIDDEN", "PASSES", "SEES", "switch_on"]

DERIVATIVES: dict[str, Callable[[], None]] = {}
PASSES: dict[str, Callable[[], None]] = {}
HIDDEN: dict[str, Callable[[], None]] = {}  # from the checks of values and first derivatives


def _fault(table: dict[str, Callable[[], None]], name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def enter(f: Callable[[], None]) -> Callable[[], None]:
        table[name] = f
        return f

    return enter


def switch_on(name: str) -> None:
    """Make this process's irad wrong in the named way."""
    FAULTS[name]()


# -- derivative rules ---------------------------------------------------------------------------------------------------------


def _registry() -> dict[str, Any]:
    import irad  # noqa: F401 - declares the primitives
    from irad.primitives.table import REGISTRY

    return REGISTRY


@_fault(DERIVATIVES, "sin")
def _sin() -> None:
    """The derivative of sin has the sign of cos's."""
    _registry()["sin"].partials = lambda b, out, x: (lambda: b.neg(b.cos(x)),)


@_fault(DERIVATIVES, "mul")
def _mul() -> None:
    """The derivative of x * y in y is y."""
    _registry()["mul"].partials = lambda b, out, x, y: (y, y)


@_fault(DERIVATIVES, "div")
def _div() -> None:
    """The cotangent of a denominator lacks its sign; forward mode is right."""
    div = _registry()["div"]
    right = div.vjp

    def wrong(b: Any, out: Any, x: Any, y: Any, ct: Any) -> Any:
        ct_x, _ = right(b, out, x, y, ct)
        return ct_x, lambda: b.mul(ct_x, out)

    div.vjp = wrong


@_fault(DERIVATIVES, "exp")
def _exp() -> None:
    """The derivative of exp is its argument."""
    _registry()["exp"].partials = lambda b, out, x: (x,)


@_fault(DERIVATIVES, "pow")
def _pow() -> None:
    """The exponent of a power has no derivative."""
    power = _registry()["pow"]
    right = power.partials
    power.partials = lambda b, out, x, y: (right(b, out, x, y)[0], None)


# -- passes -------------------------------------------------------------------------------------------------------------------


@_fault(PASSES, "simplify")
def _simplify() -> None:
    """A rule of the simplifier: add(neg(?x), ?y) => sub(?x, ?y)."""
    from irad.optimize.rewrite import rule

    for r in _registry()["add"].rules:
        if r.name == "add-neg-left":
            r.rewrite = rule(r.name, "add(neg(?x), ?y) => sub(?x, ?y)").rewrite


@_fault(PASSES, "share")
def _share() -> None:
    """Value numbering takes two quotients with one numerator for equal."""
    from irad.graph.build import Builder

    right = Builder.apply

    def wrong(self: Any, prim: Any, args: Any, static: Any = (), graphs: Any = ()) -> Any:
        if prim.name != "div":
            return right(self, prim, args, static, graphs)
        known = self.__dict__.setdefault("_quotients", {})
        found = known.get(args[0])
        if found is not None and found.graph is self.graph:
            return found
        out = right(self, prim, args, static, graphs)
        known[args[0]] = out
        return out

    Builder.apply = wrong  # type: ignore[method-assign]


def _turn_arguments(where: Callable[[Any, Any, Any], bool]) -> None:
    """Where it says so of (the rebuilding, the callee, the arguments), a call hands them in the wrong way round."""
    from irad.optimize.rebuild import Rebuild

    right = Rebuild.call

    def wrong(self: Any, node: Any) -> Any:
        (callee,) = node.graphs
        args = node.args
        if where(self, callee, args):
            node.args = args[::-1]
        try:
            yield from right(self, node)
        finally:
            node.args = args

    Rebuild.call = wrong  # type: ignore[method-assign]


@_fault(PASSES, "inline")
def _inline() -> None:
    """Inlining a function of two numbers binds its parameters the wrong way round."""
    _turn_arguments(lambda rebuild, callee, args: callee in rebuild.inline and len(args) == 2 and args[0].type is args[1].type)


@_fault(PASSES, "drop")
def _drop() -> None:
    """Where one side of a branch gives 0.0, the pass takes the value for absent and keeps the other side's."""
    from irad.graph.nodes import Constant
    from irad.optimize import rebuild

    right = rebuild.is_undef
    rebuild.is_undef = lambda node: (
        right(node)
        or (  # type: ignore[attr-defined]
            node.__class__ is Constant and type(node.value) is float and node.value == 0.0
        )
    )


@_fault(PASSES, "residuals")
def _residuals() -> None:
    """The reverse loop, which counts a forward loop's trips down, is one behind."""
    from irad.graph.build import literal
    from irad.optimize import residuals

    right = residuals.Repacked.pop

    def wrong(self: Any, node: Any) -> None:
        trips = self.by_pop[node].reverse.args[0]
        self.get = lambda x: self.b.add(type(self).get(self, x), literal(1)) if x is trips else type(self).get(self, x)
        try:
            right(self, node)
        finally:
            del self.get

    residuals.Repacked.pop = wrong  # type: ignore[method-assign]


# -- what values and first derivatives do not show -----------------------------------------------------------------------------


@_fault(HIDDEN, "second")
def _second() -> None:
    """A factor that is a derivative value has no derivative."""

    def held(node: Any) -> bool:
        return getattr(node, "adjoint", False)

    _registry()["mul"].partials = lambda b, out, x, y: (None if held(x) else y, None if held(y) else x)


@_fault(HIDDEN, "parameters")
def _parameters() -> None:
    """Where the pass that drops what nobody reads drops parameters of functions, it hands the others in turned round: it
    meets such functions when it runs before they are inlined."""
    _turn_arguments(
        lambda rebuild, callee, args: (
            rebuild.demand is not None
            and callee not in rebuild.inline
            and len(args) == 3
            and len({a.type for a in args}) == 1
            and sum(p in rebuild.demand.params for p in callee.params) == 2
        )
    )


@_fault(HIDDEN, "branches")
def _branches() -> None:
    """In branches and loops tanh is computed by another formula, right to a few last bits."""
    from irad.graph.build import Builder, literal

    right = Builder.apply

    def wrong(self: Any, prim: Any, args: Any, static: Any = (), graphs: Any = ()) -> Any:
        if prim.name != "tanh" or self.graph.role == "function":
            return right(self, prim, args, static, graphs)
        return self.sub(literal(1.0), self.div(literal(2.0), self.add(self.exp(self.mul(literal(2.0), args[0])), literal(1.0))))

    Builder.apply = wrong  # type: ignore[method-assign]


FAULTS = DERIVATIVES | PASSES | HIDDEN
SEES: dict[str, dict[str, Any]] = {"second": {"order": 2}, "parameters": {"passes": True}, "branches": {"mutants": 4}}  # plans
