"""Functions: nested `def`s and lambdas with every kind of parameter, closures that write, functions that take functions."""

from __future__ import annotations

from tests.generator.array_statements import ArrayStatements
from tests.generator.drawing import FLOAT_NAMES, FUNCTION_NAMES
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLOAT, NARROW, Fn, Param, Scope, Shape, Var
from tests.generator.statements import Lines, form, indent

__all__ = ["FEW", "Functions"]

FEW = Interval(0, 4)  # counters of recursions and trips
PARAMETERS = ["t", "u", "v", "a", "b", "y1", "z1", "h1", "e1"]
ARRAY_PARAMETERS = ["arr1", "w2", "row", "data", "coef"]
INT_PARAMETERS = ["n1", "m1", "k1", "times"]


class Functions(ArrayStatements):
    """Draws functions and calls of them."""

    # -- parameters ----------------------------------------------------------------------------------------------------

    def draw_params(self, sc: Scope, inner: Scope, plain: bool = False) -> list[Param]:
        """Parameters of a new function, bound in `inner`; with `plain`, floats by position only."""
        params: list[Param] = []
        count = self.weighted([(5, 1), (4, 2), (1, 3)])

        def name(pool: list[str]) -> str:
            # Now and then a name of the scopes around, which it hides.
            around = sorted({n for s in sc.chain() for n in s.vars} - inner.used)
            if around and self.chance(0.15):
                return self.pick(around)  # type: ignore[no-any-return]
            return next(
                n
                for n in [self.pick(pool), *pool, *(f"{pool[0]}{i}" for i in range(9))]
                if n not in inner.used and n not in sc.names()
            )

        def enter(pool: list[str], type: str, range: Interval, kind: str = "plain", default: str = "") -> None:
            p = Param(name(pool), type, range, kind, default)
            params.append(p)
            inner.bind(p.name, type, range)

        for i in range(count):
            if not plain and self.array_floats and self.chance(0.25):
                kind = self.array_kind(sc)
                p = Param(name(ARRAY_PARAMETERS), kind, FLOAT, "plain")
                params.append(p)
                inner.bind(p.name, kind, FLOAT)
            elif not plain and self.chance(0.15):
                enter(INT_PARAMETERS, "int", FEW)
            else:
                enter(PARAMETERS, "float", FLOAT, "only" if not plain and i == 0 and self.chance(0.1) else "plain")
        if not plain and self.chance(0.3):
            value = self.fit(self.fexpr(sc, 1) if self.chance(0.5) else const(self.number(-1, 2)), FLOAT)
            enter(PARAMETERS, "float", FLOAT, "plain", value.text)
        if not plain and self.chance(0.15):
            p = Param(name(["rest", "more", "values"]), "float", FLOAT, "args")
            params.append(p)
            inner.used.add(p.name)
        if not plain and self.chance(0.2):
            value = self.fit(self.fexpr(sc, 0), FLOAT)
            enter(["scale", "bias", "rate"], "float", FLOAT, "keyword", value.text if self.chance(0.6) else "")
        return params

    def header(self, params: list[Param]) -> str:
        """The text of a parameter list."""
        parts: list[str] = []
        starred = False
        for i, p in enumerate(params):
            if p.kind == "keyword" and not starred:
                parts.append("*")
                starred = True
            starred = starred or p.kind == "args"
            parts.append(("*" if p.kind == "args" else "") + p.name + (f"={p.default}" if p.default else ""))
            if p.kind == "only" and (i + 1 == len(params) or params[i + 1].kind != "only"):
                parts.append("/")
        return ", ".join(parts)

    def use_rest(self, inner: Scope, params: list[Param]) -> Lines:
        """A first statement that reads *args."""
        lines: Lines = []
        for p in params:
            if p.kind != "args":
                continue
            name = self.fresh(inner, FLOAT_NAMES)
            kind = self.rng.randrange(4)
            c = const(self.number(-1, 1)).text
            inner.bind(name, "float", FLOAT)
            texts = [
                [f"{name} = math.tanh(sum({p.name}))" if not self.exact else f"{name} = 0.25 * sum({p.name})"],
                [f"{name} = {c} * len({p.name})"],
                [f"{name} = {p.name}[0] if {p.name} else {c}"],
                [f"{name} = {c}", f"for item in {p.name}:", f"    {name} = 0.5 * {name} + 0.3 * item"],
            ]
            lines += texts[kind]
        return lines

    # -- definitions ---------------------------------------------------------------------------------------------------

    def inner_scope(self, sc: Scope) -> Scope:
        return Scope(sc, sc.depth + 1, returns=self.pick([FLOAT, FLOAT, Interval(-8, 8), NARROW]))

    def define(
        self,
        sc: Scope,
        *,
        plain: bool = False,
        writes: bool = False,
        size: int = 2,
        items: int = 0,
        shape: Shape | None = None,
        name: str = "",
        pure: bool = False,
    ) -> tuple[Lines, Var]:
        """A `def`; `writes`: it rebinds variables of the functions around."""
        name = name or self.fresh(sc, FUNCTION_NAMES)
        inner = self.inner_scope(sc)
        inner.items, inner.shape = items, shape
        sc.used.add(name)
        params = self.draw_params(sc, inner, plain)
        lines: Lines = []
        if writes and not pure:
            names = self.share(sc, inner)
            if names:
                lines.append(f"nonlocal {', '.join(names)}")
                inner.pure = False
        shared = [v for n, v in inner.vars.items() if v.scope is not inner]
        if self.chance(0.06):
            inner.used |= {"root", "math"}
            lines.append(self.pick(["import math", "from math import sqrt as root"]))
        lines += self.use_rest(inner, params)
        saved = self.focus
        if pure:
            self.pure_depth += 1
        lines += self.block(inner, size) if size else []
        for v in shared:
            if v.name in inner.vars and not any(v.name + " " in line for line in lines[1:]):
                lines += self.update(inner, v)
        lines += self.return_(inner)
        if pure:
            self.pure_depth -= 1
        self.focus = saved
        fn = Fn(params, inner.seen or FLOAT, items, inner.pure, inner.cost, shape=shape)
        var = sc.bind(name, fn, FLOAT, fixed=True)
        return [f"def {name}({self.header(params)}):", *indent(lines)], var

    def share(self, sc: Scope, inner: Scope) -> list[str]:
        """Choose variables of the functions around for `nonlocal`."""
        hidden = set(inner.used)
        found: list[Var] = []
        for scope in sc.chain():
            if scope.depth == 0:
                break
            found += [
                v for n, v in scope.vars.items() if n not in hidden and v.scope is scope and not v.fixed and v.type == "float"
            ]
            hidden |= scope.used
        chosen = self.rng.sample(found, min(len(found), self.pick([1, 1, 2])))
        for v in chosen:
            v.shared = v.captured = True
            v.now = v.bound
            inner.vars[v.name] = v
        return [v.name for v in chosen]

    pure_depth = 0

    @form(3, 3)
    def nested_def(self, sc: Scope) -> Lines | None:
        """A nested function, and a use of it."""
        if sc.depth > 3:
            return None
        items = 2 if self.chance(0.25) else 0
        shape = self.array_kind(sc).shape if self.array_floats and not items and self.chance(0.4) else None
        lines, var = self.define(sc, size=self.pick([0, 1, 1, 2, 3]), items=items, shape=shape, writes=False)
        return lines + self.use(sc, var)

    def use(self, sc: Scope, var: Var) -> Lines:
        """Statements that call a function."""
        fn = var.type
        assert isinstance(fn, Fn)
        if fn.shape is not None:
            return self.bind_array(sc, fn.shape, self.call(sc, var, 1))
        if fn.items:
            sc.cost += fn.cost * sc.trips
            sc.pure = sc.pure and fn.pure
            text = f"{var.name}({self.arguments(sc, fn.params, 1)})"
            e = self.fit(Expr("", fn.range), FLOAT)
            names = [self.fresh(sc, FLOAT_NAMES)]
            sc.bind(names[0], "float", FLOAT)
            if not e.text:
                names.append(self.fresh(sc, FLOAT_NAMES))
                sc.bind(names[1], "float", FLOAT)
                return [f"{names[0]}, {names[1]} = {text}"]
            return [f"{names[0]} = {self.fit(Expr(f'{text}[{self.rng.randrange(2)}]', fn.range), FLOAT).text}"]
        name, text = self.new(sc, self.call(sc, var, 2))
        lines = [f"{name} = {text}"]
        if self.chance(0.3) and self.callable_here(sc, var):
            target = self.target(sc)
            if target is not None:
                lines.append(f"{target.name} = {self.put(sc, target, self.call(sc, var, 1))}")
        return lines

    @form(1.2, 1)
    def named_lambda(self, sc: Scope) -> Lines | None:
        """name = lambda ...: ..., and a use of it."""
        if sc.depth > 3:
            return None
        name = self.fresh(sc, FUNCTION_NAMES)
        inner = Scope(sc, sc.depth + 1, is_lambda=True)
        sc.used.add(name)
        params = [p for p in self.draw_params(sc, inner) if p.kind != "args"]
        body = self.fit(self.fexpr(inner, 3), FLOAT)
        var = sc.bind(name, Fn(params, body.range, 0, inner.pure, inner.cost), FLOAT, fixed=True)
        return [f"{name} = lambda {self.header(params)}: {body.text}", *self.use(sc, var)]

    @form(2, 3)
    def writing_closure(self, sc: Scope) -> Lines | None:
        """A nested function that rebinds a variable around it, and calls of it, some in a loop."""
        if sc.depth == 0 or sc.depth > 3:
            return None
        setup: Lines = []
        if not [v for v in sc.vars.values() if v.type == "float" and not v.fixed]:
            made, text = self.new(sc, self.fexpr(sc, 1))
            setup = [f"{made} = {text}"]
        elif self.chance(0.3):
            name = self.fresh(sc, ["total", "acc", "counter"])
            sc.bind(name, "float", Interval(-400, 400), total=True)
            self.tags.add("int accumulator")
            setup = [f"{name} = 0"]
        lines, var = self.define(sc, writes=True, size=self.pick([0, 1, 2]))
        lines = setup + lines
        if self.chance(0.4) and self.callable_here(sc, var):
            call = self.call(sc, var, 1)
            lines.append(call.text)
        if self.chance(0.5) and sc.trips <= 10:
            i = self.fresh(sc, ["i", "j", "k", "_"])
            n = self.rng.randint(2, 4)
            before = sc.snapshot()
            sc.bind(i, "int", Interval(0, n), fixed=True)
            call = self.call(sc, var, 1)
            sc.restore(before)
            sc.free(i)
            source = self.fit_int(self.iexpr(sc, 0), Interval(0, n)).text if self.chance(0.5) else str(n)
            return [*lines, f"for {i} in range({source}):", f"    {call.text}", *self.use(sc, var)]
        return lines + self.use(sc, var)

    @form(0.8, 2)
    def optional_parameter(self, sc: Scope) -> Lines | None:
        """A parameter that is None by default."""
        if sc.depth > 3:
            return None
        name = self.fresh(sc, FUNCTION_NAMES)
        inner = self.inner_scope(sc)
        sc.used.add(name)
        a, b = self.rng.sample(PARAMETERS, 2)
        inner.bind(a, "float", FLOAT)
        inner.used.add(b)
        default = self.fit(self.fexpr(inner, 1), FLOAT).text
        inner.bind(b, "float", FLOAT)
        test = self.pick([f"if {b} is None:", f"if {b} is None:", f"if not ({b} is not None):"])
        lines = [test, f"    {b} = {default}", *self.return_(inner)]
        params = [Param(a, "float", FLOAT), Param(b, "float", FLOAT, default="None")]
        sc.bind(name, Fn(params, inner.seen or FLOAT, 0, inner.pure, inner.cost), FLOAT, fixed=True)
        var = sc.vars[name]
        return [f"def {name}({a}, {b}=None):", *indent(lines), *self.use(sc, var)]

    # -- functions for functions ------------------------------------------------------------------------------------------

    def plain_function(self, sc: Scope) -> Expr:
        """Something that maps a float to a float in FLOAT: a name, a lambda, or a function of math."""
        found = [v for v in sc.visible(lambda v: isinstance(v.type, Fn)) if self.maps(v)]
        found = [v for v in found if self.callable_here(sc, v)]
        kind = self.rng.randrange(4)
        if found and kind <= 1:
            var = self.pick(found)
            fn = var.type
            assert isinstance(fn, Fn)
            self.read(sc, var)
            sc.pure = sc.pure and fn.pure
            return Expr(var.name, fn.range)
        if kind == 2 and not self.exact:
            return Expr(self.pick(["math.sin", "math.cos", "math.tanh", "math.atan", "abs"]), FLOAT)
        name, body = self.lambda_body(sc, 1)
        return Expr(f"(lambda {name}: {body.text})", body.range)

    def maps(self, var: Var) -> bool:
        """Whether a function takes one float by position, and gives a float in FLOAT."""
        fn = var.type
        return (
            isinstance(fn, Fn)
            and not fn.items
            and fn.shape is None
            and fn.range.within(FLOAT)
            and bool(fn.params)
            and fn.cost < 20
            and fn.params[0].kind in ("plain", "only")
            and fn.params[0].type == "float"
            and all(p.default or p.kind == "args" for p in fn.params[1:])
        )
