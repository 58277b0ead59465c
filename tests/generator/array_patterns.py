"""Patterns with arrays: in tuples, dicts and records, through functions and closures, in recursions, under derivatives."""

from __future__ import annotations

from tests.generator.array_leaves import shape_text
from tests.generator.drawing import FUNCTION_NAMES
from tests.generator.functions import FEW
from tests.generator.intervals import Expr, Interval, const
from tests.generator.patterns import Patterns
from tests.generator.scope import FLOAT, NARROW, UNIT, Array, Bundle, Fn, Param, Scope, Shape
from tests.generator.statements import Lines, form, indent

__all__ = ["ArrayPatterns"]


class ArrayPatterns(Patterns):
    """Draws patterns with arrays."""

    # -- arrays in containers ------------------------------------------------------------------------------------------

    @form(1.6, 2, focus=2.5, arrays=True)
    def bundled(self, sc: Scope) -> Lines:
        """Arrays in a tuple, list, dict or record; read, written through it, stepped in a loop."""
        shape = self.array_kind(sc).shape
        other = shape if self.chance(0.6) else self.array_kind(sc).shape
        texts = [self.afit(self.created(sc, s), FLOAT).text for s in (shape, other)]
        name = self.fresh(sc, ["pair0", "state0", "layer", "model", "sys_"])
        kind = self.rng.randrange(5)
        setup: Lines = []
        if kind <= 1:
            open_, close = ("(", ")") if kind == 0 else ("[", "]")
            reads = ["[0]", self.pick(["[1]", "[-1]"])]
            made = f"{open_}{', '.join(texts)}{close}"
        elif kind == 2:
            keys = self.rng.sample(["a", "b", "w", "bias", "x"], 2)
            reads = [f"[{k!r}]" for k in keys]
            made = self.pick(
                [f"{{{keys[0]!r}: {texts[0]}, {keys[1]!r}: {texts[1]}}}", f"dict({keys[0]}={texts[0]}, {keys[1]}={texts[1]})"]
            )
        else:
            record = self.record(mutable=kind == 4)
            fields = record.fields
            reads = [f".{f}" for f in fields[:2]]
            texts += [self.fit(self.fexpr(sc, 0), FLOAT).text for _ in fields[2:]]
            made = f"{record.name}({', '.join(texts)})"
        lines = [*setup, f"{name} = {made}"]
        sc.bind(name, Bundle(tuple(zip(reads, (shape, other), strict=True)), "bundle"), FLOAT, fixed=True)
        self.tags.add("arrays in a container")
        place = name + reads[0]
        e = self.fit(self.fexpr(sc, 1), NARROW).text
        index = self.element_index(sc, shape)
        how = self.rng.randrange(5)
        if how == 0:
            lines.append(f"{place}[{index}] = {e}")
        elif how == 1:
            lines += [f"{place}[{index}] *= 0.5", f"{place}[{index}] += {e}"]
        elif how == 2 and kind in (1, 2, 4):
            value = f"0.5 * {place} + {self.value_for(sc, shape, NARROW)}"
            lines.append(f"{place} = {value}")
        elif how == 3 and kind in (1, 2, 4) and sc.trips <= 10:
            i = self.fresh(sc, ["i", "k"])
            rest = name + reads[1]
            step = f"{place} = 0.5 * {place} + {self.number(0.05, 0.2)!r} * {i}"
            if shape == other:
                step = f"{place} = 0.6 * {place} + {self.number(0.1, 0.3)!r} * {rest}"
            lines += [f"for {i} in range({self.rng.randint(1, 4)}):", f"    {step}"]
        elif how == 4 and kind <= 1:
            a, b = self.fresh(sc, ["first0", "h0a"]), self.fresh(sc, ["second0", "h1a"])
            lines.append(f"{a}, {b} = {name}")
            sc.bind(a, Array(shape, own=True), FLOAT, fixed=True)
            sc.bind(b, Array(other, own=True), FLOAT, fixed=True)
        return lines

    # -- functions -----------------------------------------------------------------------------------------------------

    @form(1.2, 3, focus=2.0, arrays=True)
    def writes_argument(self, sc: Scope) -> Lines | None:
        """A function that changes an array that it is passed."""
        if sc.depth > 3 or sc.trips > 12:
            return None
        lines: Lines = []
        var = self.written(sc)
        if var is None or var.total or self.chance(0.2):
            lines, var = self.own_array(sc, self.array_kind(sc).shape)
        assert isinstance(var.type, Array)
        shape = var.type.shape
        name = self.taken(sc, ["fill0", "scale0", "smooth", "bump0", "relax"])
        inner = Scope(sc, sc.depth + 1)
        target = inner.bind("target", Array(shape, own=True), FLOAT, fixed=True)
        inner.bind("v1", "float", FLOAT)
        body = self.block(inner, 1) if self.chance(0.4) else []
        body += self.write(inner, target)
        if self.chance(0.4):
            body += [f"for i in range({shape[0]}):", "    target[i] = 0.5 * target[i] + 0.3 * target[i - 1] + 0.1 * i"]
        self.tags.add("array argument written")
        sc.pure = sc.pure and inner.pure
        sc.cost += inner.cost * 3 * sc.trips
        e = self.fit(self.fexpr(sc, 1), FLOAT).text
        call = f"{name}({var.name}, {e})"
        if len(shape) > 1 and self.chance(0.3):
            k = self.rng.randrange(shape[0])
            body = [f"target[{self.element_index(inner, shape[1:])}] = 0.5 * v1"]
            call = f"{name}({var.name}[{k}], {e})"
        elif len(shape) == 1 and self.chance(0.3):
            body = ["target[0] = 0.5 * target[-1] + 0.2 * v1"]
            call = f"{name}({var.name}{self.pick(['[1:]', '[::-1]', '[::2]'])}, {e})"
        gives = self.rng.randrange(3)
        if gives == 0:
            body.append("return target[0]" if len(shape) == 1 and "[" not in call else "return 0.5 * v1")
        elif gives == 1 and "[" not in call.split(",")[0]:
            body.append("return target")
            got = self.fresh(sc, ["back0", "got"])
            sc.bind(got, Array(shape, own=True), FLOAT, fixed=True)
            call = f"{got} = {call}"
        else:
            gives = 2
        if gives == 0:
            made, text = self.new(sc, Expr(call, FLOAT))
            call = f"{made} = {text}"
        calls = [call] if gives != 2 or self.chance(0.6) else [f"for _ in range({self.rng.randint(1, 3)}):", f"    {call}"]
        return [*lines, f"def {name}(target, v1):", *indent(body), *calls, *self.reading(sc, var)]

    @form(1.4, 3, focus=2.0, arrays=True)
    def array_closure(self, sc: Scope) -> Lines | None:
        """A function that captures arrays; functions over whole arrays, passed on, returned, kept in tuples."""
        if sc.depth > 2 or sc.trips > 12:
            return None
        shape = self.array_kind(sc).shape
        name = self.taken(sc, FUNCTION_NAMES)
        kind = self.rng.randrange(6)
        c = self.number(0.2, 0.7)
        x = self.afit(self.aexpr(sc, shape, 1), FLOAT).text
        w = self.afit(self.aexpr(sc, shape, 1), NARROW).text
        captured = self.fresh(sc, ["wt", "base0", "offset"])
        self.tags.add("closure over an array")
        sc.cost += 20 * sc.trips
        if kind == 0:
            sc.bind(captured, Array(shape), NARROW, fixed=True)
            sc.bind(name, Fn([Param("t", Array(shape), FLOAT, "only")], Interval(-8, 8), shape=shape), FLOAT, fixed=True)
            return [f"{captured} = {w}", f"{name} = lambda t: {c!r} * t + {captured} * 0.5", *self.use(sc, sc.vars[name])]
        if kind == 1:
            inner = Scope(sc, sc.depth + 1)
            inner.bind("t", Array(shape), FLOAT)
            body = self.afit(self.aexpr(inner, shape, 2), FLOAT)
            sc.pure = sc.pure and inner.pure
            sc.bind(
                name,
                Fn([Param("t", Array(shape), FLOAT, "only")], body.range, cost=inner.cost, shape=shape, pure=inner.pure),
                FLOAT,
                fixed=True,
            )
            return [f"{name} = lambda t: {body.text}", *self.use(sc, sc.vars[name])]
        if kind == 2:
            made = self.taken(sc, ["make0", "layer0", "dense"])
            out = self.fresh(sc, ["outa", "res0"])
            sc.bind(out, Array(shape), Interval(-60, 60), fixed=True)
            return [
                f"def {made}(k1):",
                "    def apply0(t):",
                f"        return {c!r} * t * k1 - t",
                "    return apply0",
                f"{name} = {made}({w})",
                f"{out} = {name}({x})",
            ]
        if kind == 3:
            out, i = self.fresh(sc, ["outa", "res0"]), self.fresh(sc, ["step0", "op0"])
            sc.bind(out, Array(shape), FLOAT, fixed=True)
            ops = [f"lambda t: {c!r} * t", f"lambda t: 0.4 * t + {w} * 0.3"]
            if not self.exact:
                ops.append("np.tanh")
            ops = ops[-2:]
            sc.used.add(i)
            open_, close = self.pick(["()", "[]"])
            return [
                f"{name} = {open_}{', '.join(ops)}{close}",
                f"{out} = {x}",
                f"for {i} in {name}:",
                f"    {out} = {i}({out})",
            ]
        if kind == 4:
            hof, out = self.fresh(sc, ["apply0", "twice0", "iterate0"]), self.fresh(sc, ["outa", "res0"])
            sc.used.add(hof)
            sc.bind(out, Array(shape), FLOAT, fixed=True)
            n = self.fit_int(self.iexpr(sc, 0), FEW).text
            return [
                f"def {hof}(fn, t, times):",
                "    for _ in range(times):",
                f"        t = {c!r} * fn(t) + 0.2 * t",
                "    return t",
                f"{out} = {hof}(lambda t: 0.8 * t - {w} * 0.3, {x}, {n})",
            ]
        out = self.fresh(sc, ["outa", "res0"])
        sc.bind(out, Array(shape), FLOAT, fixed=True)
        i = self.fresh(sc, ["i", "k"])
        return [
            f"{out} = {x}",
            f"for {i} in range({self.rng.randint(1, 3)}):",
            f"    def {name}(t, k1={i}):",
            f"        return {c!r} * t + 0.05 * k1 * {out}",
            f"    {out} = {name}({out}) * 0.8",
        ]

    # -- recursion -----------------------------------------------------------------------------------------------------

    @form(1, 3, focus=2.0, arrays=True)
    def recursion_on_arrays(self, sc: Scope) -> Lines | None:
        """A function that halves an array, or steps one, or writes to one, and calls itself."""
        if sc.depth > 2 or sc.trips > 6:
            return None
        name = self.taken(sc, FUNCTION_NAMES)
        n = self.rng.randint(2, 4)
        found = self.some_array(sc, 1)
        e = self.fit(self.fexpr(sc, 1), UNIT).text
        c = self.number(0.2, 0.6)
        self.tags |= {"recursion", "recursion over an array"}
        sc.cost += 30 * sc.trips
        kind = self.rng.randrange(4)
        if kind in (2, 3):
            n = found[2][0] if found is not None else n
        x = self.afit(self.aexpr(sc, (n,), 1), FLOAT).text
        k = self.fit_int(self.iexpr(sc, 0), FEW).text
        if kind == 0:
            body = [
                "if len(t) == 1:",
                f"    return t[0] * {e}",
                "m1 = len(t) // 2",
                f"return 0.5 * {name}(t[:m1]) - {c!r} * {name}(t[m1:]) * {e}",
            ]
            call = f"{name}({x})"
        elif kind == 1:
            lines, var = self.own_array(sc, (n,))
            body = [
                "if k1 <= 0:",
                "    return t[0]",
                f"t[k1 % {n}] = 0.5 * t[k1 - 1 - {n} * ((k1 - 1) // {n})] + {e}",
                f"return {name}(t, k1 - 1) * {c!r} + 0.2 * t[-1]",
            ]
            out, text = self.new(sc, Expr(f"{name}({var.name}, {k})", Interval(-8, 8)))
            return [*lines, f"def {name}(t, k1):", *indent(body), f"{out} = {text}"]
        elif kind == 2:
            last = "t.max()" if self.exact else self.pick(["t.sum()", "t[-1]", "np.mean(t * t)"])
            body = ["if k1 <= 0:", f"    return {last}", f"return {name}({c!r} * t + 0.1 * k1 * t[::-1], k1 - 1) + 0.1 * {e}"]
            out, text = self.new(sc, Expr(f"{name}({x}, {k})", Interval(-20, 20)))
            return [f"def {name}(t, k1):", *indent(body), f"{out} = {text}"]
        else:
            body = ["if k1 <= 0:", "    return t", f"t = {c!r} * t - 0.2 * {e}", f"return 0.5 * {name}(t, k1 - 1) + 0.3 * t"]
            return [
                f"def {name}(t, k1):",
                *indent(body),
                *self.bind_array(sc, (n,), Expr(f"{name}({x}, {k})", Interval(-8, 8))),
            ]
        out, text = self.new(sc, Expr(call, Interval(-20, 20)))
        return [f"def {name}(t):", *indent(body), f"{out} = {text}"]

    # -- derivatives inside --------------------------------------------------------------------------------------------

    @form(1.2, 3, focus=5.0, arrays=True)
    def array_derivative(self, sc: Scope) -> Lines | None:
        """irad.grad and the like of a function of an array."""
        if sc.depth > 2 or sc.trips > 4 or self.exact or self.pure_depth:
            return None
        shape: Shape = self.pick([(2,), (3,), (2, 2), (2,), (3,)])
        f = self.taken(sc, ["energy0", "loss", "residual"])
        inner = Scope(sc, sc.depth + 1)
        inner.bind("t", Array(shape), FLOAT)
        self.pure_depth += 1
        body = self.block(inner, 1) if self.chance(0.3) and self.room > 0 else []
        e = self.afit(self.aexpr(inner, shape, 2), FLOAT)
        self.pure_depth -= 1
        if not inner.pure:
            return None
        x = self.afit(self.aexpr(sc, shape, 1), FLOAT).text
        kind = self.rng.randrange(8)
        whole = kind == 7 and len(shape) == 1
        value = f"{e.text} + np.sin(t) * t" if whole else f"np.sum({e.text} * t + np.sin(t) * t) * 0.3"
        lines = (
            [f"def {f}(t):", *indent([*body, f"return {value}"])] if body or self.chance(0.5) else [f"{f} = lambda t: {value}"]
        )
        g = self.fresh(sc, ["slope0", "dgrad", "gx"])
        made, tag, result = f"irad.grad({f})({x})", "irad.grad", shape
        if kind == 1:
            v = self.taken(sc, ["val0", "e0"])
            tag, made = "irad.value_and_grad", f"irad.value_and_grad({f})({x})"
            lines.append(f"{v}, {g} = {made}")
            made = f"{g} * 0.5 + 0.1 * np.tanh({v})"
        elif kind == 2:
            v, pull = self.taken(sc, ["val0", "e0"]), self.taken(sc, ["pull0", "back1"])
            tag = "irad.vjp"
            lines.append(f"{v}, {pull} = irad.vjp({f}, {x})")
            made = f"{pull}({const(self.number(0.5, 1.5)).text})[0]"
        elif kind == 3:
            y = self.taken(sc, ["pos0", "at0"])
            tag = "irad.grad in a loop"
            lines += [
                f"{y} = {x}",
                f"for _ in range({self.rng.randint(2, 3)}):",
                f"    {y} = {y} - 0.1 * np.tanh(irad.grad({f})({y}))",
            ]
            made = y
        elif kind == 4:
            v, w = self.taken(sc, ["val0", "e0"]), self.taken(sc, ["tan0", "d0"])
            tag = "irad.jvp"
            lines.append(f"{v}, {w} = irad.jvp({f}, ({x},), ({self.afit(self.aexpr(sc, shape, 0), FLOAT).text},))")
            made = f"np.full({shape_text(shape)}, 1.0 * ({v} - {w}))"
        elif kind == 5 and len(shape) == 1:
            tag, made = "irad.grad of irad.grad", f"irad.hessian({f})({x})"
            result = (*shape, *shape)
        elif kind == 6 and len(shape) == 1:
            tag, made = "irad.hvp", f"irad.hvp({f})({x}, {self.afit(self.aexpr(sc, shape, 0), FLOAT).text})"
        elif whole:
            tag, made = "irad.jacfwd", f"irad.{self.pick(['jacfwd', 'jacrev'])}({f})({x})"
            result = (*shape, *shape)
        self.tags |= {tag, "derivative inside", "derivative in an array"}
        self.imports.add("irad")
        sc.bind(g, Array(result), UNIT, fixed=True)
        sc.cost += 30 * sc.trips
        return [*lines, f"{g} = np.{self.pick(['sin', 'tanh'])}(0.3 * {made})"]
