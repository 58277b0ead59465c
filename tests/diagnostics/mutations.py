"""Spoiling a program: changes of its syntax tree, and of its tokens, that leave it valid Python."""

from __future__ import annotations

import ast
import copy
import io
import random
import tokenize
from collections.abc import Callable

__all__ = ["mutated"]

TRIES = 200

OPERATORS = [ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult]
OPERATORS += [ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift]  # type: ignore[list-item]
COMPARISONS = [ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.In, ast.NotIn]
UNARY = [ast.USub, ast.UAdd, ast.Invert, ast.Not]
CONSTANTS = [
    "0",
    "1",
    "-1",
    "2",
    "1.5",
    "-0.5",
    "None",
    "True",
    "'a'",
    "()",
    "[]",
    "{}",
    "100000000000000000000",
    "1e5",
    "2j",
    "b'a'",
    "...",
]
STATEMENTS = [
    "try:\n    pass\nfinally:\n    pass",
    "with open('a') as h:\n    pass",
    "global zz\nzz = 1",
    "yield 1",
    "del {n}",
    "del {n}[0]",
    "class C:\n    pass",
    "import math as mm",
    "from math import sin as ss",
    "match {n}:\n    case 0:\n        pass",
    "assert {n}",
    "assert {n} is not None, f'{{{n}}}'",
    "raise ValueError(f'{{{n}}}')",
    "raise KeyError",
    "raise",
    "{n} = {{1, 2}}",
    "{n} = {{**{{}}}}",
    "{n}, *rest = {n}",
    "{n}.append(1)",
    "{n}.attribute = 1.0",
    "{n}[0] = 1",
    "{n}[:1] = {n}",
    "{n} += 1",
    "{n} = {n}, {n}",
    "{n} = [{n}]",
    "{n} = lambda: {n}",
    "{n} = [{n} for _ in range(3)]",
    "{n} = (y for y in ({n},))",
    "while {n}:\n    break",
    "for {n} in {n}:\n    pass",
    "for i in range(3):\n    {n} = {n}, 1",
    "for i in range(40):\n    {n} = [{n}]",
    "def {n}(x):\n    return x",
    "def inner():\n    nonlocal {n}\n    {n} = 1.0\ninner()",
    "async def g():\n    pass",
    "print({n})",
    "print(f'{{{n}:>8}}')",
    "return",
    "return {n}",
    "pass",
    "...",
]
EXPRESSIONS = [
    "{e}[0]",
    "{e}[-1]",
    "{e}[1:]",
    "{e}[::-1]",
    "{e}[None]",
    "{e}[{e}]",
    "{e}['a']",
    "{e}(1.0)",
    "{e}.shape",
    "{e}.sum()",
    "{e}.nothing",
    "{e}.T",
    "({e}, 1)",
    "[{e}]",
    "{{'a': {e}}}",
    "{{{e}}}",
    "str({e})",
    "int({e})",
    "float({e})",
    "bool({e})",
    "len({e})",
    "abs({e})",
    "list({e})",
    "tuple({e})",
    "sorted({e})",
    "sum({e})",
    "max({e})",
    "range({e})",
    "enumerate({e})",
    "zip({e}, {e})",
    "reversed({e})",
    "round({e}, 1)",
    "isinstance({e}, float)",
    "type({e})",
    "getattr({e}, 'a')",
    "not {e}",
    "-{e}",
    "~{e}",
    "{e} if {e} else None",
    "{e} and 1",
    "{e} or None",
    "lambda: {e}",
    "(lambda q: q)({e})",
    "[y for y in {e}]",
    "sum(y for y in {e})",
    "{{y: y for y in {e}}}",
    "f'{{{e}}}'",
    "{e} is None",
    "{e} in ({e},)",
    "{e} ** 0.5",
    "{e} // 0",
    "{e} @ {e}",
    "{e} << 70",
    "(w := {e})",
    "math.sqrt({e})",
    "math.factorial({e})",
    "np.sin({e})",
    "np.array({e})",
    "np.zeros({e})",
    "np.unwrap({e})",
    "np.sum({e}, axis=1)",
    "np.maximum({e}, 0)",
    "np.where({e}, 1.0, 0.0)",
    "np.ones(3) + {e}",
    "undefined({e})",
    "{e}.real",
    "*{e}",
]


class _Places:
    """Where the functions of a program have statements, expressions and names."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        self.blocks: list[list[ast.stmt]] = []
        self.expressions: list[tuple[ast.AST, str, int | None]] = []
        self.nodes: list[ast.AST] = []
        seen: set[int] = set()
        for f in self.functions:
            for statement in f.body:
                for node in ast.walk(statement):
                    if id(node) not in seen:
                        seen.add(id(node))
                        self.nodes.append(node)
                        self._fields(node)
            self.blocks.append(f.body)
        self.names = sorted(
            {n.id for n in self.nodes if isinstance(n, ast.Name)} | {a.arg for f in self.functions for a in f.args.args}
        )

    def _fields(self, node: ast.AST) -> None:
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and isinstance(getattr(value, "ctx", ast.Load()), ast.Load) and name != "annotation":
                self.expressions.append((node, name, None))
            elif isinstance(value, list):
                if value and all(isinstance(v, ast.stmt) for v in value) and not isinstance(node, ast.FunctionDef):
                    self.blocks.append(value)
                for i, v in enumerate(value):
                    if isinstance(v, ast.expr) and isinstance(getattr(v, "ctx", ast.Load()), ast.Load):
                        self.expressions.append((node, name, i))

    def of(self, *kinds: type[ast.AST]) -> list[ast.AST]:
        return [n for n in self.nodes if isinstance(n, kinds)]


def _get(place: tuple[ast.AST, str, int | None]) -> ast.expr:
    node, name, i = place
    value = getattr(node, name)
    return value if i is None else value[i]  # type: ignore[no-any-return]


def _put(place: tuple[ast.AST, str, int | None], value: ast.expr) -> None:
    node, name, i = place
    if i is None:
        setattr(node, name, value)
    else:
        getattr(node, name)[i] = value


def _expression(text: str) -> ast.expr:
    return ast.parse(f"({text},)", mode="eval").body.elts[0]  # type: ignore[attr-defined, no-any-return]


# -- changes: each takes (rng, places), and does nothing where it finds no place ------------------------------------------


def delete_statement(rng: random.Random, p: _Places) -> None:
    block = rng.choice(p.blocks)
    i = rng.randrange(len(block))
    block[i : i + 1] = [] if len(block) > 1 else [ast.Pass()]


def repeat_statement(rng: random.Random, p: _Places) -> None:
    block = rng.choice(p.blocks)
    block.insert(rng.randrange(len(block) + 1), copy.deepcopy(rng.choice(rng.choice(p.blocks))))


def swap_statements(rng: random.Random, p: _Places) -> None:
    block = rng.choice([b for b in p.blocks if len(b) > 1])
    i = rng.randrange(len(block) - 1)
    block[i], block[i + 1] = block[i + 1], block[i]


def insert_statement(rng: random.Random, p: _Places) -> None:
    block = rng.choice(p.blocks)
    text = rng.choice(STATEMENTS).format(n=rng.choice(p.names))
    at = rng.randrange(len(block) + 1)
    block[at:at] = ast.parse(text).body


def wrap_statement(rng: random.Random, p: _Places) -> None:
    block = rng.choice(p.blocks)
    i = rng.randrange(len(block))
    n = rng.choice(p.names)
    heads = [f"if {n}:", f"for zz in range({n}):", f"while {n}:", "for zz in range(2):", "try:", f"if {n} > 0:", f"with {n}:"]
    head = rng.choice(heads)
    (outer,) = ast.parse(f"{head}\n    pass" + ("\nexcept ValueError:\n    pass" if head == "try:" else "")).body
    outer.body = [block[i]]  # type: ignore[attr-defined]
    block[i] = outer


def unwrap_statement(rng: random.Random, p: _Places) -> None:
    block = rng.choice([b for b in p.blocks if any(hasattr(s, "body") for s in b)])
    i = rng.choice([i for i, s in enumerate(block) if hasattr(s, "body")])
    block[i : i + 1] = block[i].body  # type: ignore[attr-defined]


def change_operator(rng: random.Random, p: _Places) -> None:
    node = rng.choice(p.of(ast.BinOp, ast.AugAssign, ast.Compare, ast.UnaryOp, ast.BoolOp))
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        node.op = rng.choice(OPERATORS)()
    elif isinstance(node, ast.Compare):
        node.ops[rng.randrange(len(node.ops))] = rng.choice(COMPARISONS)()
    elif isinstance(node, ast.UnaryOp):
        node.op = rng.choice(UNARY)()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def change_constant(rng: random.Random, p: _Places) -> None:
    places = [x for x in p.expressions if isinstance(_get(x), ast.Constant)]
    _put(rng.choice(places), _expression(rng.choice(CONSTANTS)))


def change_name(rng: random.Random, p: _Places) -> None:
    node = rng.choice(p.of(ast.Name))
    assert isinstance(node, ast.Name)
    node.id = rng.choice([*p.names, node.id + "x", node.id[:-1] or "q"])


def change_attribute(rng: random.Random, p: _Places) -> None:
    node = rng.choice(p.of(ast.Attribute))
    assert isinstance(node, ast.Attribute)
    others = [n.attr for n in p.of(ast.Attribute)]  # type: ignore[attr-defined]
    node.attr = rng.choice([*others, node.attr + "x", node.attr[:-1] or "q", "shape", "size", "append", "byteswap"])


def replace_expression(rng: random.Random, p: _Places) -> None:
    _put(rng.choice(p.expressions), copy.deepcopy(_get(rng.choice(p.expressions))))


def wrap_expression(rng: random.Random, p: _Places) -> None:
    place = rng.choice(p.expressions)
    _put(place, _expression(rng.choice(EXPRESSIONS).format(e=f"({ast.unparse(_get(place))})")))


def constant_expression(rng: random.Random, p: _Places) -> None:
    _put(rng.choice(p.expressions), _expression(rng.choice(CONSTANTS)))


def change_call(rng: random.Random, p: _Places) -> None:
    node = rng.choice(p.of(ast.Call))
    assert isinstance(node, ast.Call)
    what = rng.randrange(5)
    if what == 0 and node.args:
        del node.args[rng.randrange(len(node.args))]
    elif what == 1:
        node.args.append(_expression(rng.choice([*CONSTANTS[:8], *p.names])))
    elif what == 2:
        node.keywords.append(ast.keyword(rng.choice(["axis", "dtype", "out", "key", "start", *p.names]), _expression("1")))
    elif what == 3 and node.args:
        node.args[0] = ast.Starred(node.args[0], ast.Load())
    elif node.keywords:
        del node.keywords[0]


def change_loop(rng: random.Random, p: _Places) -> None:
    node = rng.choice(p.of(ast.For, ast.While, ast.If))
    if isinstance(node, ast.For):
        node.iter = _expression(rng.choice([*p.names, "()", "range(0)", "range(3, 0, -1)", "5", "[1, 2.5]", "'ab'"]))
    else:
        node.test = _expression(rng.choice([*p.names, "None", "0.0", "()", "'a'"]))  # type: ignore[attr-defined]
    if rng.random() < 0.3:
        node.orelse = ast.parse(f"{rng.choice(p.names)} = 1").body  # type: ignore[attr-defined]


def change_parameters(rng: random.Random, p: _Places) -> None:
    args = rng.choice(p.functions).args
    what = rng.randrange(4)
    if what == 0 and args.args:
        del args.args[-1]
        args.defaults = args.defaults[: len(args.args)]
    elif what == 1:
        args.args.append(ast.arg(rng.choice([*p.names, "extra"])))
        args.defaults = [*args.defaults, _expression("1")] if args.defaults else []
    elif what == 2:
        args.args.append(ast.arg("extra"))
        args.defaults = [*args.defaults, _expression(rng.choice(CONSTANTS))]
    else:
        args.vararg = ast.arg(rng.choice(p.names))


CHANGES: list[Callable[[random.Random, _Places], None]] = [
    delete_statement,
    repeat_statement,
    swap_statements,
    insert_statement,
    insert_statement,
    wrap_statement,
    unwrap_statement,
    change_operator,
    change_operator,
    change_constant,
    change_name,
    change_attribute,
    replace_expression,
    wrap_expression,
    wrap_expression,
    wrap_expression,
    constant_expression,
    change_call,
    change_loop,
    change_parameters,
]


def change_tree(rng: random.Random, text: str) -> str:
    tree = ast.parse(text)
    rng.choice(CHANGES)(rng, _Places(tree))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def change_tokens(rng: random.Random, text: str) -> str:
    """Some token is left out, doubled, or replaced by another of the text."""
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.string.strip()]
    t, other = rng.choice(tokens), rng.choice(tokens)
    lines = text.splitlines(keepends=True)
    (row, start), (end_row, end) = t.start, t.end
    if row != end_row:
        return text
    line = lines[row - 1]
    new = rng.choice(["", f"{t.string} {t.string}", other.string, f"{t.string} {other.string}"])
    lines[row - 1] = f"{line[:start]}{new}{line[end:]}"
    return "".join(lines)


def mutated(rng: random.Random, text: str) -> str:
    """The text with one to three changes; valid Python, and another text."""
    for _ in range(TRIES):
        new = text
        try:
            for _ in range(rng.choice([1, 1, 2, 3])):
                new = (change_tokens if rng.random() < 0.25 else change_tree)(rng, new)
            compile(new, "<mutant>", "exec")
        except (SyntaxError, ValueError, IndexError, tokenize.TokenError, RecursionError):
            continue  # no place for the change, or Python's own error
        if ast.dump(ast.parse(new)) != ast.dump(ast.parse(text)):
            return new
    return text
