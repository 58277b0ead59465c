"""Mutants of a program that mean the same: dead branches, loops without trips, closures nobody calls, conditions known at run
time only, expressions by way of temporaries, ...

    source, changes = mutated(program, 3)     # the third mutant, and what was done to it

No bit of the value may change, and derivatives by 1e-13 at most, or ten times what rounding does to them.
"""

from __future__ import annotations

import ast
import copy
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fuzz.passes import agree, parts
from tests.fuzz.reference import same
from tests.generator.program import ENTRY, Program, load, run_plain

if TYPE_CHECKING:
    from tests.fuzz.oracles import Examination

__all__ = ["MUTATIONS", "changed_alike", "check_mutants", "compare", "mutated"]

MOST = 4  # mutations of one mutant
TRIES = 4  # mutants drawn where irad refuses one: what a branch binds, or writes, may have no type
NEVER, ALWAYS, NONE, ONE = "never_", "always_", "none_", "one_"  # variables of the mutant, known at run time only

Mutation = Callable[["Text", random.Random], bool]
MUTATIONS: dict[str, Mutation] = {}


def check_mutants(e: Examination) -> None:
    """As many mutants as the plan says, on each backend, against what the program itself gave."""
    for number in range(e.plan.mutants):
        for attempt in range(TRIES):
            source, changes = mutated(e.program, number * TRIES + attempt)
            if compare(e, f"mutant {number}", source, changes):
                break
        else:
            e.report.count("mutants refused")


def compare(e: Examination, what: str, source: str, changes: list[str]) -> bool:
    """Compare a mutant with the program. False where irad refuses the mutant, which says nothing."""
    if not same(run_plain(source)(*e.program.args), e.reference.value):
        raise AssertionError(f"a mutation changes what Python gives: {changes}\n{source}")
    f = load(source, f"{e.program.seed} mutant")
    gradient = e.irad.value_and_grad(f, argnums=e.program.floats)
    known = len(e.report.failures)
    for backend in e.plan.backends:
        for name, g in (("value", f), ("grad", gradient)):
            title = f"{what}: {backend} {name}"
            if f"{backend} {name}" not in e.results or e.plan.only not in ("", title):
                continue
            try:
                got = e.run(g, backend)
            except e.irad.CompileError:
                del e.report.failures[known:]
                return False
            except Exception as error:
                e.raised(title, error)
                continue
            e.report.checks += 1
            agree(e, "wrong mutant", title, parts(e, name), got, e.results[f"{backend} {name}"])
    for failure in e.report.failures[known:]:
        failure.changes, failure.mutant = tuple(changes), source
    e.report.count("mutants")
    return True


def mutated(program: Program, number: int) -> tuple[str, list[str]]:
    """The text of a mutant, and the names of what was done."""
    rng = random.Random(f"{program.seed} {number}")
    text = Text(program)
    changes: list[str] = []
    wanted = rng.randint(1, MOST)
    names = sorted(MUTATIONS)
    for _ in range(20):
        name = rng.choice(names)
        if MUTATIONS[name](text, rng):
            changes.append(name)
        if len(changes) == wanted:
            break
    return text.source(), changes


def changed_alike(program: Program, name: str) -> tuple[str, ...]:
    """Mutants of a program by one mutation alone: some of the places where it can be made."""
    out = {}
    for number in range(12):
        text = Text(program)
        if MUTATIONS[name](text, random.Random(number)):
            out[text.source()] = None
    return tuple(out)


# -- texts and places in them -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Place:
    """A statement in a block of a function."""

    block: list[ast.stmt]
    index: int
    function: ast.FunctionDef
    inside: bool  # whether the entry is around it: NEVER and the others can be read
    entry: bool  # whether its function is the entry
    loop: bool  # whether a loop of the same function is around it

    @property
    def statement(self) -> ast.stmt:
        return self.block[self.index]

    def insert(self, *statements: ast.stmt, after: int = 0) -> None:
        self.block[self.index + after : self.index + after] = statements

    def replace(self, *statements: ast.stmt) -> None:
        self.block[self.index : self.index + 1] = statements


class Text:
    """The syntax tree of a mutant that is being made."""

    def __init__(self, program: Program) -> None:
        self.tree = ast.parse(program.source)
        functions = {s.name: s for s in self.tree.body if isinstance(s, ast.FunctionDef)}
        for s in self.tree.body:
            if isinstance(s, ast.Assign) and _is_name(s.targets[0], ENTRY) and isinstance(s.value, ast.Name):
                functions[ENTRY] = functions[s.value.id]
        self.entry = functions[ENTRY]
        self.names = 0
        given = zip(self.entry.args.args, program.args, strict=True)
        (self.first, *_) = [a.arg if isinstance(v, (int, float)) else f"{a.arg}.sum()" for a, v in given]

    def source(self) -> str:
        text = ast.unparse(ast.fix_missing_locations(self.tree))
        head = [
            f"{name} = {value}"
            for name, value in (
                (NEVER, f"{self.first} > 1000000000.0"),
                (ALWAYS, f"{self.first} < 1000000000.0"),
                (NONE, f"0 if {self.first} < 1000000000.0 else 2"),
                (ONE, f"1 if {self.first} < 1000000000.0 else 2"),
            )
            if name in text
        ]
        self.entry.body[:0] = statements("\n".join(head))
        text = ast.unparse(ast.fix_missing_locations(self.tree)) + "\n"
        del self.entry.body[: len(head)]
        return text

    def fresh(self) -> str:
        """A name that no program uses."""
        self.names += 1
        return f"mut{self.names}_"

    def places(self, wanted: Callable[[Place], bool]) -> list[Place]:
        found: list[Place] = []
        for s in self.tree.body:
            if isinstance(s, ast.FunctionDef):
                found += _places(s, s is self.entry, s is self.entry)
        return [p for p in found if wanted(p)]

    def expressions(self) -> list[tuple[ast.AST, str, int | None, ast.expr, bool]]:
        """(parent, field, index, expression, inside the entry) of computations whose place may hold any expression."""
        out: list[tuple[ast.AST, str, int | None, ast.expr, bool]] = []
        for s in self.tree.body:
            if isinstance(s, ast.FunctionDef):
                for inner in s.body:
                    out += _expressions(inner, s is self.entry)
        return out


def statements(text: str) -> list[ast.stmt]:
    return ast.parse(text).body


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _places(function: ast.FunctionDef, inside: bool, entry: bool) -> Iterator[Place]:
    todo: list[tuple[list[ast.stmt], bool]] = [(function.body, False)]
    while todo:
        block, loop = todo.pop()
        for i, s in enumerate(block):
            if isinstance(s, ast.FunctionDef):
                yield from _places(s, inside, False)
            elif isinstance(s, (ast.If, ast.For, ast.While)):
                todo.append((s.body, loop or not isinstance(s, ast.If)))
                todo.append((s.orelse, loop))
            if not isinstance(s, (ast.Nonlocal, ast.ClassDef, ast.Import, ast.ImportFrom)):
                yield Place(block, i, function, inside, entry, loop)


def _expressions(node: ast.AST, inside: bool) -> Iterator[tuple[ast.AST, str, int | None, ast.expr, bool]]:
    if isinstance(node, (ast.ClassDef, ast.JoinedStr, ast.Nonlocal)):
        return
    for name, value in ast.iter_fields(node):
        if name in ("slice", "annotation", "returns", "decorator_list", "target", "targets", "func"):
            continue
        for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST):
                continue
            math_call = (
                isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and _is_name(child.func.value, "math")
            )
            if isinstance(child, (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare)) or math_call:
                assert isinstance(child, ast.expr)
                yield node, name, i, child, inside
            yield from _expressions(child, inside)


def _is_name(e: ast.AST, name: str) -> bool:
    return isinstance(e, ast.Name) and e.id == name


def _is_float(e: ast.expr) -> bool:
    """Whether an expression is a float for certain."""
    if isinstance(e, ast.Call):
        return (
            isinstance(e.func, ast.Attribute)
            and _is_name(e.func.value, "math")
            and e.func.attr not in ("floor", "ceil", "trunc", "prod", "isnan", "isinf", "isfinite")
        )
    if isinstance(e, ast.BinOp):
        return _is_float(e.left) and _is_float(e.right)
    return _is_float(e.operand) if isinstance(e, ast.UnaryOp) else isinstance(e, ast.Constant) and isinstance(e.value, float)


def _has(node: ast.AST, *kinds: type[ast.AST]) -> bool:
    return any(isinstance(n, kinds) for n in ast.walk(node))


def _name_of_float(s: ast.stmt) -> str:
    """The variable that a statement sets to a float for certain, or ""."""
    if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) and _is_float(s.value):
        return s.targets[0].id
    return ""


def mutation(f: Mutation) -> Mutation:
    MUTATIONS[f.__name__.replace("_", " ")] = f
    return f


def _pick(text: Text, rng: random.Random, wanted: Callable[[Place], bool]) -> Place | None:
    places = text.places(wanted)
    return rng.choice(places) if places else None


# -- statements that never run ------------------------------------------------------------------------------------------------


def _after_a_float(text: Text, rng: random.Random, *options: str) -> bool:
    """One of some statements, after one that sets a variable to a float for certain: it stands for V, a new name for N."""
    place = _pick(text, rng, lambda p: p.inside and bool(_name_of_float(p.statement)))
    if place is None:
        return False
    names = {"V": _name_of_float(place.statement), "N": text.fresh()}
    place.insert(*statements(re.sub(r"\b[VN]\b", lambda found: names[found[0]], rng.choice(options))), after=1)
    return True


@mutation
def dead_write(text: Text, rng: random.Random) -> bool:
    """`if never: v = -v` after v is set."""
    return _after_a_float(text, rng, *(f"if {NEVER}: V = {value}" for value in ("-V", "V * V", "0.25", "V + 1")))


@mutation
def dead_copy(text: Text, rng: random.Random) -> bool:
    """A statement a second time, where it never runs."""
    place = _pick(text, rng, lambda p: p.inside and isinstance(p.statement, (ast.Assign, ast.AugAssign, ast.For, ast.While)))
    if place is None:
        return False
    branch = statements(f"if {NEVER}: pass")[0]
    branch.body = [copy.deepcopy(place.statement)]  # type: ignore[attr-defined]
    place.insert(branch, after=1)
    return True


@mutation
def dead_exit(text: Text, rng: random.Random) -> bool:
    """`raise`, in a loop `break` or `continue`, in the entry `return`, where it never runs."""
    place = _pick(text, rng, lambda p: p.inside)
    if place is None:
        return False
    exits = ["raise ValueError('never')", "assert always_"]
    exits += ["break", "continue"] * place.loop + ["return 0.25"] * place.entry
    exit = rng.choice(exits)
    place.insert(*statements(exit if exit.startswith("assert") else f"if {NEVER}: {exit}"))
    return True


@mutation
def dead_branch_of_a_constant(text: Text, rng: random.Random) -> bool:
    """`if False:`, or `while False:`, around a copy."""
    place = _pick(text, rng, lambda p: isinstance(p.statement, (ast.Assign, ast.AugAssign, ast.For, ast.While, ast.If)))
    if place is None or _has(place.statement, ast.Break, ast.Continue):
        return False
    branch = statements(
        rng.choice(["if False: pass", "while False: pass", "for mut_ in (): pass", "for mut_ in range(0): pass"])
    )[0]
    branch.body = [copy.deepcopy(place.statement)]  # type: ignore[attr-defined]
    place.insert(branch, after=rng.choice([0, 1]))
    return True


@mutation
def loop_without_trips(text: Text, rng: random.Random) -> bool:
    """A loop of as many trips as a variable says: none."""
    return _after_a_float(
        text,
        rng,
        f"for N in range({NONE}): V = V * 0.5 + N",
        f"while {NEVER}: V = V * 0.5",
        f"for N in range({NONE}):\n    for inner_ in range(N): V = V * V",
    )


@mutation
def unused_closure(text: Text, rng: random.Random) -> bool:
    """A function that captures a variable, and is never called, or only where nothing runs."""
    return _after_a_float(
        text,
        rng,
        "N = lambda t_: t_ * V",
        "def N(t_):\n    return t_ + V",
        "N = [lambda: V]",
        f"N = lambda t_: t_ * V\nif {NEVER}: V = N(2.0)",
    )


# -- statements another way ---------------------------------------------------------------------------------------------------


@mutation
def wrapped(text: Text, rng: random.Random) -> bool:
    """A statement inside `if always:`, alone, or with itself on the other side; or in a loop of one trip."""
    simple = (ast.Assign, ast.AugAssign, ast.Expr, ast.For, ast.While, ast.If)
    place = _pick(text, rng, lambda p: p.inside and isinstance(p.statement, simple))
    if place is None:
        return False
    s = place.statement
    heads = [f"if {ALWAYS}: pass", f"if {NEVER}: pass\nelse: pass", f"if {ALWAYS}: pass\nelse: pass"]
    if not _has(s, ast.Break, ast.Continue, ast.Return):
        heads.append(f"for {text.fresh()} in range({ONE}): pass")
    (around,) = statements(rng.choice(heads))
    assert isinstance(around, (ast.If, ast.For))
    if isinstance(around, ast.If) and around.orelse:
        around.orelse = [s]
        around.body = [copy.deepcopy(s)]
    else:
        around.body = [s]
    place.replace(around)
    return True


@mutation
def swapped_branches(text: Text, rng: random.Random) -> bool:
    """`if not c:` with the branches exchanged."""
    place = _pick(text, rng, lambda p: isinstance(p.statement, ast.If))
    if place is None:
        return False
    s = place.statement
    assert isinstance(s, ast.If)
    s.test = ast.UnaryOp(ast.Not(), s.test)
    s.body, s.orelse = s.orelse or [ast.Pass()], s.body
    return True


@mutation
def chosen_by_statement(text: Text, rng: random.Random) -> bool:
    """`v = a if c else b` as an `if`."""
    place = _pick(
        text, rng, lambda p: isinstance(p.statement, (ast.Assign, ast.Return)) and isinstance(p.statement.value, ast.IfExp)
    )
    if place is None:
        return False
    s = place.statement
    assert isinstance(s, (ast.Assign, ast.Return))
    assert isinstance(s.value, ast.IfExp)
    test, sides = s.value.test, []
    for value in (s.value.body, s.value.orelse):
        side = copy.deepcopy(s)
        side.value = value
        sides.append(side)
    place.replace(ast.If(test, [sides[0]], [sides[1]]))
    return True


@mutation
def counted_by_hand(text: Text, rng: random.Random) -> bool:
    """`for i in range(n)` as a `while` with a counter."""

    def fits(p: Place) -> bool:
        s = p.statement
        return (
            isinstance(s, ast.For)
            and isinstance(s.target, ast.Name)
            and isinstance(s.iter, ast.Call)
            and _is_name(s.iter.func, "range")
            and len(s.iter.args) == 1
        )

    place = _pick(text, rng, fits)
    if place is None:
        return False
    s = place.statement
    assert isinstance(s, ast.For)
    assert isinstance(s.iter, ast.Call)
    assert isinstance(s.target, ast.Name)
    count, size = text.fresh(), text.fresh()
    first, before = statements(f"{size} = 0\n{count} = 0")
    first.value = s.iter.args[0]  # type: ignore[attr-defined]
    loop = ast.While(
        _expression(f"{count} < {size}"), [*statements(f"{s.target.id} = {count}\n{count} += 1"), *s.body], s.orelse
    )
    place.replace(first, before, loop)
    return True


@mutation
def tested_inside(text: Text, rng: random.Random) -> bool:
    """`while c:` as `while True:` with `if not c: break`."""
    place = _pick(text, rng, lambda p: isinstance(p.statement, ast.While) and not p.statement.orelse)
    if place is None:
        return False
    s = place.statement
    assert isinstance(s, ast.While)
    (leave,) = statements("if not 0: break")
    leave.test.operand = s.test  # type: ignore[attr-defined]
    place.replace(ast.While(ast.Constant(True), [leave, *s.body], []))
    return True


@mutation
def by_temporaries(text: Text, rng: random.Random) -> bool:
    """The operands of the outermost operation in variables of their own, in their order."""

    def fits(p: Place) -> bool:
        s = p.statement
        return isinstance(s, (ast.Assign, ast.Return, ast.AnnAssign)) and isinstance(s.value, ast.BinOp)

    place = _pick(text, rng, fits)
    if place is None:
        return False
    value = place.statement.value  # type: ignore[attr-defined]
    left, right = text.fresh(), text.fresh()
    before = statements(f"{left} = 0\n{right} = 0")
    before[0].value, before[1].value = value.left, value.right  # type: ignore[attr-defined]
    value.left, value.right = ast.Name(left, ast.Load()), ast.Name(right, ast.Load())
    place.insert(*before)
    return True


@mutation
def by_a_function(text: Text, rng: random.Random) -> bool:
    """An assignment to a variable of the entry, made by a function with `nonlocal`."""

    def fits(p: Place) -> bool:
        s = p.statement
        return p.entry and isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name) and not _has(s, ast.NamedExpr)

    place = _pick(text, rng, fits)
    if place is None:
        return False
    s, name = place.statement, text.fresh()
    assert isinstance(s, ast.AugAssign)
    assert isinstance(s.target, ast.Name)
    definition, call = statements(f"def {name}():\n    nonlocal {s.target.id}\n    pass\n{name}()")
    assert isinstance(definition, ast.FunctionDef)
    definition.body[1] = s
    place.replace(definition, call)
    return True


# -- expressions another way -------------------------------------------------------------------------------------------------


@mutation
def by_identity(text: Text, rng: random.Random) -> bool:
    """An expression handed through a function, a thunk, a container or a branch."""
    found = text.expressions()
    if not found:
        return False
    parent, name, index, e, inside = rng.choice(found)
    through = ["(lambda v_: v_)(E)", "(E, 0)[0]", "[0.5, E][1]", "{'k': E}['k']", "(lambda *v_: v_)(E)[0]"]
    if not _has(e, ast.NamedExpr):
        through += ["(lambda: E)()", "(lambda v_: (lambda: v_))(E)()"]
        if inside:
            through += [
                f"(E if {ALWAYS} else E)",
                f"((lambda v_: v_) if {ALWAYS} else (lambda w_: w_))(E)",
                f"(E if not {NEVER} else 0.5)",
            ]
    if not _is_float(e):
        through = [t for t in through if "else 0.5" not in t]
    new = _Put(e).visit(_expression(rng.choice(through)))
    if index is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[index] = new
    return True


class _Put(ast.NodeTransformer):
    """An expression in the place of E."""

    def __init__(self, e: ast.expr) -> None:
        self.e = e

    def visit_Name(self, node: ast.Name) -> Any:
        return copy.deepcopy(self.e) if node.id == "E" else node
