"""What a program text contains: kinds of statements and expressions, and which constructs stand inside which.

Kinds are read off the syntax tree, so that the count does not depend on what the generator believes it drew. What only a
run shows (whether `a + b` adds floats or ints) comes from `draw.check`, patterns that have no syntax from the tags.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

__all__ = ["ACCEPTED", "CONSTRUCTS", "kinds", "pairs"]

# What programs are made of, by name: a run says in how many programs each stands.
STATEMENTS = """
    assignment | chained assignment | annotated assignment | augmented assignment | unpacking | starred unpacking
    nested unpacking | item assignment | augmented item | attribute assignment | augmented attribute | walrus | del | pass
    if | elif | else | early return | return in a loop | return of a tuple | assert | raise | import inside
    for | for else | while | while else | while True | break | continue
    for over range (1) | for over range (2) | for over range (3) | for over tuple | for over list | for over a variable
    for over a method | for over enumerate | for over zip | for over reversed
    def | nested def | def in a loop | function redefined | function redefined in a loop | nonlocal | dataclass | NamedTuple
    method called | property read | operator of a record
    first bound in one branch | None at first | int accumulator | aliased list
"""
EXPRESSIONS = """
    float + | float - | float * | float / | float // | float % | float ** | int + | int - | int * | int / | int // | int %
    int ** | int & | int \\| | int ^ | int << | int >> | unary - | unary + | ~ | not | and | or
    compare < | compare <= | compare > | compare >= | compare == | compare != | compare in | compare not in | is None
    is not None | chained comparison | conditional expression | f-string
    lambda | call of a lambda | call of a result | call of an item | call with * | call with ** | call with keywords
    default parameter | None default | keyword-only parameter | positional-only parameter | *args parameter
    tuple literal | list literal | dict literal | * in a literal | list comprehension | dict comprehension | generator
    comprehension with if | item read | negative index | computed index | slice | field read
"""
FUNCTIONS = """
    closure over locals | late-bound capture | capture by default | closure returned | closure returned with state
    closures chained | closures in a container | closure rebuilt in a loop | function as argument | functools.partial
    recursion | recursion with captures | recursion on structure | mutual recursion
    abs() | all() | any() | bool() | dict() | divmod() | enumerate() | float() | int() | isinstance() | len() | list() | max()
    map() | min() | pow() | range() | reversed() | round() | sum() | tuple() | zip()
    generator in all() | generator in any() | generator in list() | generator in max() | generator in min()
    generator in sum() | generator in tuple()
    .append() | .copy() | .extend() | .get() | .insert() | .items() | .keys() | .pop() | .reverse() | .values() | ._replace()
    dataclasses.replace
    math.acos | math.acosh | math.asin | math.asinh | math.atan | math.atan2 | math.atanh | math.cbrt | math.ceil
    math.copysign | math.cos | math.cosh | math.degrees | math.erf | math.erfc | math.exp | math.exp2 | math.expm1 | math.fabs
    math.floor | math.fmod | math.hypot | math.log | math.log10 | math.log1p | math.log2 | math.pow | math.radians | math.sin
    math.sinh | math.sqrt | math.tan | math.tanh | math.trunc
    irad.grad | irad.grad in a loop | irad.grad of irad.grad | irad.value_and_grad | irad.vjp | irad.jvp | irad.jacfwd
    irad.jacrev | irad.hessian
"""

ARRAYS = """
    array + | array - | array * | array / | array ** | array @ | array unary - | array and number | broadcasting
    array element read | array element write | augmented array element | array slice read | array slice write
    augmented array slice | array negative index | array computed index | array negative step | array newaxis
    array ellipsis | array augmented | array iteration | array comprehension | array reduction | reduction along an axis
    view written | array alias written | overlapping slice write | array argument written | array sized at run time
    arrays in a container | array argument of a function | array returned | closure over an array | recursion over an array
    derivative in an array | array argument of the program | array rebound in a loop
    np.zeros | np.ones | np.full | np.array | np.arange | np.linspace | np.eye | np.zeros_like
    np.sum | np.mean | np.max | np.min | np.where | np.maximum | np.minimum | np.any | np.all | np.abs | np.square
    np.sin | np.cos | np.tanh | np.exp | np.log | np.sqrt
    .sum() | .mean() | .max() | .min() | .reshape() | .dot() | .T | .shape | .size
"""


def _names(text: str) -> tuple[str, ...]:
    cells = text.replace("\\|", "\0").replace("\n", "|").split("|")
    return tuple(c.strip().replace("\0", "|") for c in cells if c.strip())


ACCEPTED = (*_names(STATEMENTS), *_names(EXPRESSIONS), *_names(FUNCTIONS), *_names(ARRAYS))

CONSTRUCTS = ("loop", "branch", "closure", "call", "recursion")
COMPARISONS = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
BUILTINS = frozenset(
    "abs min max sum len range int float bool round pow divmod isinstance"
    " any all zip enumerate reversed tuple list dict map".split()
)
REDUCTIONS = frozenset("sum mean prod dot matmul".split())  # they add in an order of their own
Function = ast.FunctionDef | ast.Lambda


def kinds(source: str) -> set[str]:
    """The kinds of statements and expressions in a text."""
    tree = ast.parse(source)
    tree.body = [s for s in tree.body if not isinstance(s, (ast.Import, ast.ImportFrom))]
    out: set[str] = set()
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        out |= set(_of(node, parents))
    out |= _closures(tree)
    out |= _recursions(tree)
    return out


def _of(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    """The kinds of one node."""
    name = type(node).__name__
    simple = {
        "Lambda": "lambda",
        "Nonlocal": "nonlocal",
        "IfExp": "conditional expression",
        "Break": "break",
        "Continue": "continue",
        "Pass": "pass",
        "Raise": "raise",
        "AnnAssign": "annotated assignment",
        "NamedExpr": "walrus",
        "Delete": "del",
        "JoinedStr": "f-string",
        "DictComp": "dict comprehension",
        "ListComp": "list comprehension",
        "GeneratorExp": "generator",
        "Assert": "assert",
        "Slice": "slice",
        "Import": "import inside",
        "ImportFrom": "import inside",
    }
    if name in simple:
        yield simple[name]
    method = _METHODS.get(name)
    if method is not None:
        yield from method(node, parents)


def _function_def(node: ast.FunctionDef, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    if isinstance(parents[node], ast.ClassDef):
        return  # every class may have methods: the tags say which are called
    yield "def" if isinstance(parents[node], ast.Module) else "nested def"
    if _around(node, parents, (ast.For, ast.While)):
        yield "def in a loop"


def _arguments(node: ast.arguments, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    if node.defaults:
        yield "default parameter"
    if node.kwonlyargs:
        yield "keyword-only parameter"
    if node.vararg:
        yield "*args parameter"
    if node.posonlyargs:
        yield "positional-only parameter"
    if any(isinstance(d, ast.Constant) and d.value is None for d in node.defaults):
        yield "None default"


def _call(node: ast.Call, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    if isinstance(node.func, ast.Attribute) and node.func.attr in REDUCTIONS:
        yield "array reduction"
        if any(k.arg == "axis" for k in node.keywords):
            yield "reduction along an axis"
    if any(isinstance(a, ast.Starred) for a in node.args):
        yield "call with *"
    if any(k.arg is None for k in node.keywords):
        yield "call with **"
    if any(k.arg is not None for k in node.keywords):
        yield "call with keywords"
    f = node.func
    if isinstance(f, ast.Name) and f.id in BUILTINS:
        yield f"{f.id}()"
        if node.args and isinstance(node.args[0], ast.GeneratorExp):
            yield f"generator in {f.id}()"
    elif isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name):
        if f.value.id in ("math", "np", "irad", "dataclasses", "functools"):
            yield f"{f.value.id}.{f.attr}"
        else:
            yield f".{f.attr}()"
    elif isinstance(f, ast.Attribute):
        yield f".{f.attr}()"
    elif isinstance(f, ast.Subscript):
        yield "call of an item"
    elif isinstance(f, ast.Lambda):
        yield "call of a lambda"
    elif isinstance(f, ast.Call):
        yield "call of a result"


def _for(node: ast.For, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    it = node.iter
    yield "for"
    if isinstance(it, ast.Call) and isinstance(it.func, ast.Name):
        yield f"for over range ({len(it.args)})" if it.func.id == "range" else f"for over {it.func.id}"
    elif isinstance(it, ast.Call):
        yield "for over a method"
    else:
        yield {"Tuple": "for over tuple", "List": "for over list"}.get(type(it).__name__, "for over a variable")
    if node.orelse:
        yield "for else"


def _while(node: ast.While, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    yield "while"
    if isinstance(node.test, ast.Constant):
        yield "while True"
    if node.orelse:
        yield "while else"


def _if(node: ast.If, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    yield "if"
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        yield "elif"
    elif node.orelse:
        yield "else"


def _return(node: ast.Return, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    if isinstance(node.value, ast.Tuple):
        yield "return of a tuple"
    if isinstance(parents[node], ast.FunctionDef):
        return
    yield "early return"
    if _around(node, parents, (ast.For, ast.While)):
        yield "return in a loop"


def _around(node: ast.AST, parents: dict[ast.AST, ast.AST], wanted: tuple[type[ast.AST], ...]) -> bool:
    """Whether the node stands in one of these, in the same function."""
    while node in parents:
        node = parents[node]
        if isinstance(node, wanted):
            return True
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            return False
    return False


def _assign(node: ast.Assign, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    yield "assignment"
    if len(node.targets) > 1:
        yield "chained assignment"
    for t in node.targets:
        if isinstance(t, (ast.Tuple, ast.List)):
            yield "unpacking"
            if any(isinstance(e, ast.Starred) for e in t.elts):
                yield "starred unpacking"
            if any(isinstance(e, (ast.Tuple, ast.List)) for e in t.elts):
                yield "nested unpacking"
        elif isinstance(t, ast.Subscript):
            yield "item assignment"
        elif isinstance(t, ast.Attribute):
            yield "attribute assignment"


def _augmented(node: ast.AugAssign, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    yield {"Subscript": "augmented item", "Attribute": "augmented attribute"}.get(
        type(node.target).__name__, "augmented assignment"
    )


def _compare(node: ast.Compare, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    if len(node.ops) > 1:
        yield "chained comparison"
    for op, right in zip(node.ops, node.comparators, strict=True):
        sign = COMPARISONS[type(op)]
        none = isinstance(right, ast.Constant) and right.value is None
        yield f"{sign} None" if none else f"compare {sign}"


def _literal(node: ast.Tuple | ast.List, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    if isinstance(node.ctx, ast.Load):
        yield "tuple literal" if isinstance(node, ast.Tuple) else "list literal"
        if any(isinstance(e, ast.Starred) for e in node.elts):
            yield "* in a literal"


def _subscript(node: ast.Subscript, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    if isinstance(node.ctx, ast.Load):
        yield "item read"
        if isinstance(node.slice, ast.UnaryOp):
            yield "negative index"
        elif not isinstance(node.slice, (ast.Constant, ast.Slice)):
            yield "computed index"


def _comprehension(node: ast.comprehension, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    if node.ifs:
        yield "comprehension with if"


def _class(node: ast.ClassDef, parents: dict[ast.AST, ast.AST]) -> Iterable[str]:
    yield "dataclass" if node.decorator_list else "NamedTuple"


_METHODS = {
    "FunctionDef": _function_def,
    "arguments": _arguments,
    "Call": _call,
    "For": _for,
    "While": _while,
    "If": _if,
    "Return": _return,
    "Assign": _assign,
    "AugAssign": _augmented,
    "Compare": _compare,
    "Tuple": _literal,
    "List": _literal,
    "Subscript": _subscript,
    "comprehension": _comprehension,
    "ClassDef": _class,
    "BoolOp": lambda node, parents: ["and" if isinstance(node.op, ast.And) else "or"],
    "UnaryOp": lambda node, parents: [
        {"Not": "not", "USub": "unary -", "UAdd": "unary +", "Invert": "~"}[type(node.op).__name__]
    ],
    "Dict": lambda node, parents: ["dict literal"],
    "BinOp": lambda node, parents: ["array reduction"] if isinstance(node.op, ast.MatMult) else [],
    "Attribute": lambda node, parents: (
        [f".{node.attr}"]
        if node.attr in ("T", "shape", "size")
        else ["field read"]
        if not isinstance(parents[node], ast.Call)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id not in ("math", "np", "irad")
        else []
    ),
}


# -- closures and recursion -------------------------------------------------------------------------------------------------


def _bound(function: Function) -> set[str]:
    """The names that a function binds."""
    a = function.args
    out = {
        p.arg
        for p in [
            *a.posonlyargs,
            *a.args,
            *a.kwonlyargs,
            *([a.vararg] if a.vararg else []),
            *([a.kwarg] if a.kwarg else []),
        ]
    }
    away: set[str] = set()
    for node in _own(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            out.add(node.id)
        elif isinstance(node, ast.FunctionDef):
            out.add(node.name)
        elif isinstance(node, ast.Nonlocal):
            away |= set(node.names)
    return out - away


def _own(function: Function) -> Iterable[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    todo: list[ast.AST] = list(function.body) if isinstance(function.body, list) else [function.body]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            todo.extend(ast.iter_child_nodes(node))


def _closures(tree: ast.Module) -> set[str]:
    """Functions that read variables of functions around them."""
    out: set[str] = set()

    def visit(node: ast.AST, around: frozenset[str]) -> None:
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            bound = _bound(node)
            used = {n.id for n in _own(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
            if (used - bound) & around:
                out.add("closure over locals")
            around = around | bound
        for child in ast.iter_child_nodes(node):
            visit(child, around)

    visit(tree, frozenset())
    return out


def _named(tree: ast.Module) -> dict[str, list[ast.FunctionDef]]:
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def _calls(node: ast.AST) -> set[str]:
    return {c.func.id for c in ast.walk(node) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}


def _cyclic(tree: ast.Module) -> tuple[set[str], set[str]]:
    """(functions that call themselves, functions that call each other), by name."""
    named = _named(tree)
    edges = {n: {c for d in ds for c in _calls_of(d) if c in named} for n, ds in named.items()}
    direct = {n for n, cs in edges.items() if n in cs}
    mutual = {n for n, cs in edges.items() for c in cs if c != n and n in edges[c]}
    return direct, mutual


def _calls_of(function: ast.FunctionDef) -> set[str]:
    return {c.func.id for c in _own(function) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}


def _recursions(tree: ast.Module) -> set[str]:
    direct, mutual = _cyclic(tree)
    return ({"recursion"} if direct else set()) | ({"mutual recursion"} if mutual else set())


# -- constructs inside constructs ---------------------------------------------------------------------------------------------


def pairs(source: str) -> set[tuple[str, str]]:
    """(outer, inner) for each construct that stands inside another; a call contains its arguments and its callee's body."""
    tree = ast.parse(source)
    named = _named(tree)
    direct, mutual = _cyclic(tree)
    recursive = direct | mutual
    methods = {m for c in tree.body if isinstance(c, ast.ClassDef) for m in c.body}
    out: set[tuple[str, str]] = set()

    def of(node: ast.AST) -> list[str]:
        if isinstance(node, (ast.For, ast.While, ast.comprehension)):
            return ["loop"]
        if isinstance(node, (ast.If, ast.IfExp)):
            return ["branch"]
        if isinstance(node, ast.Lambda):
            return ["closure"]
        if isinstance(node, ast.FunctionDef):
            nested = node not in tree.body and node not in methods
            return (["closure"] if nested else []) + (["recursion"] if node.name in recursive else [])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in named:
            return ["call"] + (["recursion"] if node.func.id in recursive else [])
        return []

    def visit(node: ast.AST, around: tuple[str, ...], entered: frozenset[str]) -> None:
        here = of(node)
        for inner in here:
            out.update((outer, inner) for outer in around)
        within = tuple(dict.fromkeys([*around, *here]))
        if isinstance(node, ast.comprehension):
            within = around
        inside = within
        if isinstance(node, (ast.ListComp, ast.GeneratorExp, ast.DictComp)):
            inside = tuple(dict.fromkeys([*within, "loop"]))
        for child in ast.iter_child_nodes(node):
            visit(child, inside, entered)
        if "call" in here and isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in entered:
            for callee in named[node.func.id]:
                for s in callee.body:
                    visit(s, within, entered | {node.func.id})

    visit(tree, (), frozenset())
    return out
