"""Rules of arithmetic, by theme. Those that are exact hold for every float: nan, infinities and signed zeros included."""

from __future__ import annotations

from typing import Any

from irad.graph.build import constant_value, is_constant
from irad.graph.nodes import Apply, Node
from irad.optimize.rewrite import Rule, kind_of, rewrites, rule

__all__ = ["RULES", "never_minus_zero"]


def _prim(node: Node) -> str:
    return node.fn.name if node.__class__ is Apply else ""


def never_minus_zero(x: Node, depth: int = 4) -> bool:
    """Whether it is seen at once that a number is not -0.0; a sum is only where both terms are."""
    if is_constant(x):
        return not is_constant(x, -0.0)
    name = _prim(x)
    if name == "add":
        return depth > 0 and any(never_minus_zero(a, depth - 1) for a in x.args)  # type: ignore[attr-defined]
    if name == "convert":
        return kind_of(x.args[0]) != "f"  # type: ignore[attr-defined]
    return name in ("abs", "exp") or (name == "mul" and x.args[0] is x.args[1])  # type: ignore[attr-defined]


@rewrites("add-zero-to-sum", "add")
def add_zero_to_sum(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """add(?x, 0.0) => ?x where ?x is never -0.0"""
    x, c = args
    return x if is_constant(c, 0.0) and never_minus_zero(x) else None


@rewrites("int-add-constants", "add")
def int_add_constants(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """add(add(?x, c), d) => add(?x, c + d) on integers"""
    x, d = args
    if is_constant(d) and _is_int(d) and _prim(x) == "add" and is_constant(x.args[1]):  # type: ignore[attr-defined]
        return b.add(x.args[0], b.add(x.args[1], d))  # type: ignore[no-any-return, attr-defined]
    return None


@rewrites("int-sub-constant", "sub")
def int_sub_constant(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """sub(?x, c) => add(?x, -c) on integers"""
    x, c = args
    if is_constant(c) and _is_int(c) and not is_constant(x):
        return b.add(x, b.neg(c))  # type: ignore[no-any-return]
    return None


@rewrites("mul-neg-constant", "mul")
def mul_neg_constant(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """mul(neg(?x), c) => mul(?x, -c)"""
    x, c = args
    if is_constant(c) and _prim(x) == "neg":
        return b.mul(x.args[0], b.neg(c))  # type: ignore[no-any-return, attr-defined]
    return None


@rewrites("neg-mul-constant", "neg")
def neg_mul_constant(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """neg(mul(?x, c)) => mul(?x, -c)"""
    (x,) = args
    if _prim(x) == "mul" and is_constant(x.args[1]):  # type: ignore[attr-defined]
        return b.mul(x.args[0], b.neg(x.args[1]))  # type: ignore[no-any-return, attr-defined]
    return None


@rewrites("neg-div-constant", "neg")
def neg_div_constant(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """neg(div(?x, c)) => div(?x, -c)"""
    (x,) = args
    if _prim(x) == "div" and is_constant(x.args[1]):  # type: ignore[attr-defined]
        return b.div(x.args[0], b.neg(x.args[1]))  # type: ignore[no-any-return, attr-defined]
    return None


@rewrites("mul-constants", "mul", exact=False)
def mul_constants(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """mul(mul(?x, c), d) => mul(?x, c * d)"""
    x, d = args
    if is_constant(d) and _prim(x) == "mul" and is_constant(x.args[1]):  # type: ignore[attr-defined]
        return b.mul(x.args[0], b.mul(x.args[1], d))  # type: ignore[no-any-return, attr-defined]
    return None


@rewrites("mul-inner-constant", "mul", exact=False)
def mul_inner_constant(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """mul(mul(mul(?x, c), ?y), d) => mul(mul(?x, c * d), ?y)"""
    p, d = args
    if _prim(p) != "mul" or not is_constant(d):
        return None
    for f, y in (p.args, p.args[::-1]):  # type: ignore[attr-defined]
        if _prim(f) == "mul" and is_constant(f.args[1]):
            c = b.mul(f.args[1], d)
            if p.adjoint or is_constant(c, 1.0) or is_constant(c, -1.0):  # type: ignore[attr-defined]
                return b.mul(b.mul(f.args[0], c), y)  # type: ignore[no-any-return]
    return None


@rewrites("add-like-terms", "add", exact=False)
def add_like_terms(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """add(mul(?x, c), mul(?x, d)) => mul(?x, c + d), with 1 for an absent factor"""
    (x, c), (y, d) = map(_term, args)
    if x is y and not is_constant(x):
        one = b.like(1.0, x)
        return b.mul(x, b.add(c or one, d or one))  # type: ignore[no-any-return]
    return None


def _term(node: Node) -> tuple[Node, Node | None]:
    """A product's factor and constant; of anything else itself, and None for 1."""
    if _prim(node) == "mul" and is_constant(node.args[1]):  # type: ignore[attr-defined]
        return node.args[0], node.args[1]  # type: ignore[attr-defined]
    return node, None


@rewrites("add-zeros", "add", exact=False)
def add_zeros(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """add(?x, zeros()) => ?x"""
    x, y = args
    return x if _prim(y) == "zeros" else y if _prim(x) == "zeros" else None


@rewrites("list-plus-empty", "list_plus")
def list_plus_empty(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """list_plus(?x, make_list()) => ?x"""
    x, y = args
    empty = [_prim(a) == "make_list" and not a.args for a in args]  # type: ignore[attr-defined]
    return x if empty[1] else y if empty[0] else None


def _is_int(node: Node) -> bool:
    return kind_of(node) == "i"


@rewrites("pow-constant", "pow")
def pow_constant(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """pow(?x, n) => 1, ?x, ?x*?x, 1/?x for n = 0, 1, 2, -1; of a derivative value a product for n up to 9"""
    x, n = args
    value = constant_value(n)
    if value == 0:
        return b.like(1.0, x)  # type: ignore[no-any-return]
    if value == 1:
        return x
    if value == 2:
        return b.mul(x, x)  # type: ignore[no-any-return]
    if value == -1:
        return b.div(b.like(1.0, x), x)  # type: ignore[no-any-return]
    return _by_squares(b, x, int(value)) if b.adjoint and value in SMALL_POWERS else None


SMALL_POWERS = range(3, 10)


def _by_squares(b: Any, x: Node, n: int) -> Node:
    if n == 1:
        return x
    half = _by_squares(b, x, n // 2)
    square: Node = b.mul(half, half)
    return b.mul(square, x) if n % 2 else square


@rewrites("ipow-constant", "ipow")
def ipow_constant(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """ipow(?x, n) => 1, ?x, ?x*?x for n = 0, 1, 2"""
    x, n = args
    if is_constant(n, 0):
        return b.like(1, x)  # type: ignore[no-any-return]
    if is_constant(n, 1):
        return x
    if is_constant(n, 2):
        return b.mul(x, x)  # type: ignore[no-any-return]
    return None


@rewrites("int-zero", "mul")
def int_zero(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """mul(?x, 0) => 0 on integers"""
    _x, c = args
    return c if _is_int(c) and is_constant(c, 0) else None


@rewrites("convert-same", "convert")
def convert_same(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """convert(?x, to=T) => ?x where ?x is a T"""
    return args[0] if args[0].type is static[0] else None


@rewrites("getitem-of-tuple", "getitem")
def getitem_of_tuple(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """getitem(make_tuple(?x, ?y, ...), index=i) => the item"""
    (x,) = args
    if _prim(x) in ("make_tuple", "make_record"):
        return x.args[static[0]]  # type: ignore[attr-defined, no-any-return]
    return None


@rewrites("pop-of-push", "pop")
def pop_of_push(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """pop(push(?s, ?x)) => (?x, ?s)"""
    (stack,) = args
    if _prim(stack) == "push":
        return b.make_tuple(stack.args[1], stack.args[0])  # type: ignore[no-any-return, attr-defined]
    return None


@rewrites("project-of-inject", "project")
def project_of_inject(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """project(inject(?x, ...), case=k) => (?x, ...)"""
    (x,) = args
    if _prim(x) == "inject" and x.static[1] == static[0]:  # type: ignore[attr-defined]
        return b.make_tuple(*x.args)  # type: ignore[no-any-return, attr-defined]
    return None


@rewrites("tag-of-inject", "tag")
def tag_of_inject(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """tag(inject(..., case=k)) => k"""
    (x,) = args
    return b.literal(x.static[1]) if _prim(x) == "inject" else None  # type: ignore[attr-defined]


@rewrites("select-known", "select")
def select_known(b: Any, args: tuple[Node, ...], static: tuple[Any, ...]) -> Node | None:
    """select(true, ?x, ?y) => ?x; select(?p, ?x, ?x) => ?x"""
    p, x, y = args
    known = constant_value(p)
    if known is not None:
        return x if known else y
    return x if x is y else None


RULES: tuple[Rule, ...] = (
    # signs move outwards, to the sums that swallow them
    rule("neg-neg", "neg(neg(?x)) => ?x"),
    rule("mul-neg-neg", "mul(neg(?x), neg(?y)) => mul(?x, ?y)"),
    mul_neg_constant,
    rule("mul-neg-left", "mul(neg(?x), ?y) => neg(mul(?x, ?y))"),
    rule("mul-neg-right", "mul(?x, neg(?y)) => neg(mul(?x, ?y))"),
    rule("div-neg-neg", "div(neg(?x), neg(?y)) => div(?x, ?y)"),
    rule("div-neg-left", "div(neg(?x), ?y) => neg(div(?x, ?y))"),
    rule("div-neg-right", "div(?x, neg(?y)) => neg(div(?x, ?y))"),
    rule("add-neg-right", "add(?x, neg(?y)) => sub(?x, ?y)"),
    rule("add-neg-left", "add(neg(?x), ?y) => sub(?y, ?x)"),
    rule("sub-neg", "sub(?x, neg(?y)) => add(?x, ?y)"),
    rule("sub-neg-left", "sub(neg(?x), ?y) => neg(add(?x, ?y))", exact=False),
    rule("neg-sub", "neg(sub(?x, ?y)) => sub(?y, ?x)", exact=False),
    neg_mul_constant,
    neg_div_constant,
    # neutral and absorbing elements
    rule("mul-one", "mul(?x, 1) => ?x"),
    rule("mul-minus-one", "mul(?x, -1) => neg(?x)"),
    rule("div-one", "div(?x, 1) => ?x"),
    rule("add-minus-zero", "add(?x, -0.0) => ?x"),
    add_zero_to_sum,
    rule("sub-zero", "sub(?x, 0) => ?x"),
    rule("int-add-zero", "add(?x, 0) => ?x", only="i"),
    rule("int-floordiv-one", "floordiv(?x, 1) => ?x", only="i"),
    rule("int-mod-one", "mod(?x, 1) => 0", only="i"),
    rule("int-sub-self", "sub(?x, ?x) => 0", only="i"),
    rule("int-sub-sub", "sub(?x, sub(?x, ?y)) => ?y", only="i"),
    int_zero,
    int_add_constants,
    int_sub_constant,
    rule("add-zero", "add(?x, 0) => ?x", exact=False),
    rule("zero-sub", "sub(0, ?x) => neg(?x)", exact=False),
    rule("mul-zero", "mul(?x, 0) => 0", exact=False),
    rule("zero-div", "div(0, ?x) => 0", exact=False),
    rule("sub-self", "sub(?x, ?x) => 0", exact=False),
    mul_constants,
    mul_inner_constant,
    add_like_terms,
    add_zeros,
    list_plus_empty,
    # powers, conversions, absolute values
    pow_constant,
    ipow_constant,
    convert_same,
    rule("abs-neg", "abs(neg(?x)) => abs(?x)"),
    rule("abs-abs", "abs(abs(?x)) => abs(?x)"),
    # truth values
    rule("not-not", "not(not(?p)) => ?p"),
    rule("not-eq", "not(eq(?x, ?y)) => ne(?x, ?y)"),
    rule("not-ne", "not(ne(?x, ?y)) => eq(?x, ?y)"),
    rule("and-true", "and(?p, True) => ?p", only="b"),
    rule("and-false", "and(?p, False) => False", only="b"),
    rule("and-self", "and(?p, ?p) => ?p"),
    rule("and-again", "and(?p, and(?p, ?q)) => and(?p, ?q)"),
    rule("or-true", "or(?p, True) => True", only="b"),
    rule("or-false", "or(?p, False) => ?p", only="b"),
    rule("or-self", "or(?p, ?p) => ?p"),
    rule("or-again", "or(?p, or(?p, ?q)) => or(?p, ?q)"),
    select_known,
    rule("select-not", "select(not(?p), ?x, ?y) => select(?p, ?y, ?x)"),
    # structure
    getitem_of_tuple,
    pop_of_push,
    project_of_inject,
    tag_of_inject,
)
