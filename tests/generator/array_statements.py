"""Statements about arrays: they are made, bound again, written to by element and by slice, and seen through other names.

An array is either written to or bound again, not both: where it could not be told which object a write meets, irad refuses.
The elements of an array lie in its variable's bound under every name that it has.
"""

from __future__ import annotations

from tests.generator.array_leaves import ARRAY_NAMES, shape_text
from tests.generator.containers import Containers
from tests.generator.drawing import FLOAT_NAMES
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLOAT, NARROW, UNIT, Array, Scope, Shape, Var
from tests.generator.statements import Lines, form, indent

__all__ = ["ArrayStatements"]

TOTAL = Interval(-400, 400)


class ArrayStatements(Containers):
    """Draws statements about arrays."""

    # -- new names -----------------------------------------------------------------------------------------------------

    def bind_array(self, sc: Scope, shape: Shape, e: Expr) -> Lines:
        """A new variable for what may be another's array: it is not written to."""
        e = self.afit(e, FLOAT)
        name = self.fresh(sc, ARRAY_NAMES)
        sc.bind(name, Array(shape), FLOAT)
        return [f"{name} = {e.text}"]

    def own_array(self, sc: Scope, shape: Shape, e: Expr | None = None) -> tuple[Lines, Var]:
        """A new variable for a new array, which may be written to."""
        if e is None:
            e = self.afit(self.created(sc, shape), FLOAT)
        name = self.fresh(sc, ARRAY_NAMES)
        return [f"{name} = {e.text}"], sc.bind(name, Array(shape, own=True), FLOAT, fixed=True)

    def written(self, sc: Scope, rank: int | None = None) -> Var | None:
        """An array that may be written to here."""
        found = [
            v
            for v in sc.vars.values()
            if isinstance(v.type, Array) and v.type.own and v.scope is sc and (rank is None or len(v.type.shape) == rank)
        ]
        return self.pick(found) if found else None

    def to_write(self, sc: Scope, new: float) -> tuple[Lines, Var]:
        """An array that may be written to here, and what makes it where it is a new one: with the chance `new`, or for want
        of others."""
        var = self.written(sc)
        return self.own_array(sc, self.array_kind(sc).shape) if var is None or self.chance(new) else ([], var)

    @form(2.5, focus=0.5, arrays=True)
    def make_array(self, sc: Scope) -> Lines:
        """An array of its own, to be written to."""
        shape = self.array_kind(sc).shape
        if self.chance(0.5):
            return self.own_array(sc, shape)[0]
        e = self.afit(self.aexpr(sc, shape, 2), NARROW)
        return self.own_array(sc, shape, Expr(f"({e.text} + {self.number(-1, 1)!r})", e.range + UNIT))[0]

    @form(3, arrays=True)
    def assign_array(self, sc: Scope) -> Lines:
        """An array bound anew, or a new name for whatever an expression gives."""
        found = [v for v in sc.vars.values() if isinstance(v.type, Array) and not v.type.own and not v.fixed]
        if found and self.chance(0.5):
            var = self.pick(found)
            assert isinstance(var.type, Array)
            sc.assigned.add(var.name)
            return [f"{var.name} = {self.afit(self.aexpr(sc, var.type.shape, self.rng.randint(1, 3)), var.bound).text}"]
        shape = self.array_kind(sc).shape
        return self.bind_array(sc, shape, self.aexpr(sc, shape, self.rng.randint(1, 3)))

    # -- writes --------------------------------------------------------------------------------------------------------

    @form(3, focus=1.5, arrays=True)
    def write_element(self, sc: Scope) -> Lines:
        """x[i] = ..., x[i] += ..., x[i] = x[j] * ..."""
        lines, var = self.to_write(sc, 0.1)
        assert isinstance(var.type, Array)
        place = f"{var.name}[{self.element_index(sc, var.type.shape)}]"
        if var.total:
            return [*lines, f"{place} {self.pick('+-')}= {self.fit(self.fexpr(sc, 2), UNIT).text}"]
        kind = self.rng.randrange(8)
        if kind <= 2:
            return [*lines, f"{place} = {self.fit(self.fexpr(sc, 2), var.bound).text}"]
        if kind == 3:
            return [*lines, f"{place} *= {const(self.number(-0.9, 0.9)).text}"]
        if kind == 4:
            return [*lines, f"{place} /= {abs(self.number(1.1, 3))!r}"]
        if kind == 5:
            e = self.fit(self.fexpr(sc, 2), NARROW)
            return [*lines, f"{place} *= 0.5", f"{place} {self.pick('+-')}= {e.text}"]
        other = f"{var.name}[{self.element_index(sc, var.type.shape)}]"
        if kind == 6:
            place2 = f"{var.name}[{self.element_index(sc, var.type.shape)}]"
            return [*lines, f"{place}, {place2} = {place2}, {other}"]
        e = self.fit(self.fexpr(sc, 1), Interval(-0.5, 0.5))
        return [*lines, f"{place} = {other} * {e.text} + {self.fit(self.fexpr(sc, 1), NARROW).text}"]

    @form(3, focus=2.0, arrays=True)
    def write_slice(self, sc: Scope) -> Lines:
        """x[1:] = ..., x[::2] *= ..., m[:, 0] += ...; the value may be a part of x itself."""
        lines, var = self.to_write(sc, 0.1)
        assert isinstance(var.type, Array)
        index, shape = self.slices(var.type.shape)
        place = f"{var.name}[{index}]"
        if var.total:
            return [*lines, f"{place} += {self.value_for(sc, shape, UNIT)}"]
        kind = self.rng.randrange(8)
        if kind == 0 and self.chance(0.3):
            return [*lines, f"{var.name}.fill({self.fit(self.fexpr(sc, 1), var.bound).text})"]
        if kind <= 2:
            return [*lines, f"{place} = {self.value_for(sc, shape, var.bound)}"]
        if kind == 3:
            return [*lines, f"{place} *= {self.value_for(sc, shape, UNIT)}"]
        if kind == 4:
            return [*lines, f"{place} *= 0.5", f"{place} {self.pick('+-')}= {self.value_for(sc, shape, NARROW)}"]
        if kind == 5:
            e = self.apositive(self.aexpr(sc, shape, 1), 1.1)
            return [*lines, f"{place} /= {e.text}"]
        how = list(self.views(var.type.shape, shape))
        if not how:
            return [*lines, f"{place} = {self.value_for(sc, shape, var.bound)}"]
        self.tags.add("overlapping slice write")
        part = self.pick(how).format(var.name)
        if kind == 6:
            return [*lines, f"{place} = {part}"]
        return [*lines, f"{place} = {self.number(-0.5, 0.5)!r} * {part} + {self.value_for(sc, shape, NARROW)}"]

    def value_for(self, sc: Scope, shape: Shape, bound: Interval) -> str:
        """What may be put into a place of this shape: an array that broadcasts to it, or a number."""
        part = self.part(shape)
        if not part:
            return self.fit(self.fexpr(sc, 1), bound).text
        return self.afit(self.aexpr(sc, part, self.pick([0, 1, 2])), bound).text

    def slices(self, shape: Shape) -> tuple[str, Shape]:
        """An index that selects several elements, and the shape of what it selects."""
        parts: list[str] = []
        out: list[int] = []
        for i, n in enumerate(shape[: self.rng.randint(1, len(shape))]):
            if (i > 0 and self.chance(0.4)) or (len(shape) > 1 and i == 0 and self.chance(0.35)):
                parts.append(str(self.rng.randrange(n)))
                continue
            m = self.rng.randint(1, n) if self.chance(0.7) else n
            parts.append(self.cut(n, m))
            out.append(m)
        shape = (*out, *shape[len(parts) :])
        if not shape:
            return ":", (n,)
        if len(parts) == 1 and len(shape) > 0 and self.chance(0.1):
            return f"{parts[0]}, ...", shape
        return ", ".join(parts), shape

    @form(2.4, focus=2.0, arrays=True)
    def augment_array(self, sc: Scope) -> Lines | None:
        """x += ..., which changes the array in place."""
        var = self.written(sc)
        if var is None:
            return None
        assert isinstance(var.type, Array)
        shape = var.type.shape
        if var.total:
            return [f"{var.name} += {self.value_for(sc, shape, UNIT)}"]
        kind = self.rng.randrange(3)
        if kind == 0:
            return [f"{var.name} *= {self.value_for(sc, shape, UNIT)}"]
        if kind == 1:
            return [f"{var.name} /= {self.apositive(self.aexpr(sc, shape, 1), 1.1).text}"]
        return [f"{var.name} *= 0.5", f"{var.name} {self.pick('+-')}= {self.value_for(sc, shape, NARROW)}"]

    @form(1.5, 2, focus=1.5, arrays=True)
    def accumulated(self, sc: Scope) -> Lines:
        """An array that is only added to, by elements whose places repeat."""
        shape = self.array_kind(sc).shape
        name, i = self.fresh(sc, ["hist0", "sums", "bins", "force"]), self.fresh(sc, ["i", "j", "k"])
        n = self.rng.randint(2, 5)
        before = sc.snapshot()
        sc.bind(i, "int", Interval(0, n - 1), fixed=True)
        sc.trips *= n
        e = self.fit(self.fexpr(sc, 2), UNIT)
        index = self.element_index(sc, shape)
        if len(shape) == 1 and self.chance(0.6):
            index = self.pick([f"{i} % {shape[0]}", f"({i} * {i} + 1) % {shape[0]}", f"-1 - {i} % {shape[0]}"])
        sc.trips //= n
        sc.restore(before)
        sc.used.discard(i)
        sc.bind(name, Array(shape, own=True), TOTAL, fixed=True, total=True)
        more = self.pick([[], [f"    {name}[{self.rng.randrange(shape[0])}] -= 0.25 * {e.text}"]])
        start = self.pick([f"np.zeros({shape_text(shape)})", f"np.ones({shape_text(shape)})"])
        return [f"{name} = {start}", f"for {i} in range({n}):", f"    {name}[{index}] {self.pick('++-')}= {e.text}", *more]

    # -- several names -------------------------------------------------------------------------------------------------

    @form(2, 2, focus=2.5, arrays=True)
    def view_written(self, sc: Scope) -> Lines:
        """v = y[1:]; v[0] = ...; y is read afterwards, or written to, and v is read."""
        lines, var = self.to_write(sc, 0.2)
        assert isinstance(var.type, Array)
        index, shape = self.slices(var.type.shape)
        text, how = f"{var.name}[{index}]", self.rng.randrange(6)
        if len(var.type.shape) > 1 and how == 0:
            text, shape = f"{var.name}.T", var.type.shape[::-1]
        name = self.fresh(sc, ["part", "view_", "head1", "edge", "inner"])
        view = sc.bind(name, Array(shape, own=True), var.bound, fixed=True, total=var.total)
        self.tags.add("view written")
        lines.append(f"{name} = {text}")
        for target in self.pick([(view,), (view,), (var,), (view, var)]):
            lines += self.write(sc, target)
        return lines + self.reading(sc, self.pick([var, view]))

    def write(self, sc: Scope, var: Var) -> Lines:
        """A write to an array: of an element, or of all of it."""
        assert isinstance(var.type, Array)
        shape = var.type.shape
        place = f"{var.name}[{self.element_index(sc, shape)}]" if self.chance(0.5) else f"{var.name}[{self.slices(shape)[0]}]"
        e = self.fit(self.fexpr(sc, 1), UNIT if var.total else NARROW)
        if var.total:
            return [f"{place} += {e.text}"]
        return self.pick(
            [[f"{place} = {e.text}"], [f"{place} *= {self.number(-0.9, 0.9)!r}"], [f"{place} *= 0.5", f"{place} += {e.text}"]]
        )  # type: ignore[no-any-return]

    def reading(self, sc: Scope, var: Var) -> Lines:
        """A float that reads an array."""
        assert isinstance(var.type, Array)
        shape = var.type.shape
        x = self.read(sc, var)
        e = self.reduction(x, 9) if self.chance(0.6) else Expr(f"{x.text}[{self.element_index(sc, shape)}]", x.range)
        name, text = self.new(sc, e)
        return [f"{name} = {text}"]

    @form(1, 2, focus=1.5, arrays=True)
    def alias_written(self, sc: Scope) -> Lines:
        """z = y; z[0] = ...; use(y)"""
        lines, var = self.to_write(sc, 0.3)
        name = self.fresh(sc, ["same", "alias", "other0", "also"])
        other = sc.bind(name, var.type, var.bound, fixed=True, total=var.total)
        self.tags.add("array alias written")
        lines.append(f"{name} = {var.name}")
        lines += self.write(sc, other)
        if self.chance(0.3):
            lines += self.write(sc, var)
        return lines + self.reading(sc, self.pick([var, other]))

    # -- loops over elements -------------------------------------------------------------------------------------------

    @form(2, 3, focus=3.0, arrays=True)
    def element_recurrence(self, sc: Scope) -> Lines | None:
        """y[i] = y[i-1] * x[i] in a loop, and other chains of reads after writes."""
        if sc.trips > 12 or sc.cost > 1500:
            return None
        n = self.rng.randint(2, 5)
        e = self.fit(self.fexpr(sc, 1), UNIT).text
        other = self.some_array(sc, 1)
        lines, var = self.own_array(sc, (n,))
        y, i, j = var.name, self.fresh(sc, ["i", "k", "step"]), self.fresh(sc, ["j", "l"])
        x = f"{self.array_read(sc, other).text}[{i} % {other[2][0]}]" if other is not None else f"(0.5 + 0.1 * {i})"
        sc.cost += 8 * n * sc.trips
        c = self.number(0.2, 0.8)
        heads = [f"for {i} in range(1, {n}):", f"for {i} in range(1, len({y})):"]
        kinds: list[tuple[list[str], list[str]]] = [
            (heads, [f"{y}[{i}] = {c / 4:.3f} * {y}[{i} - 1] * {x}"]),
            (heads, [f"{y}[{i}] = {y}[{i} - 1] * {e} + 0.2 * {x}"]),
            (heads, [f"{y}[{i}] += 0.5 * {y}[{i} - 1]", f"{y}[{i}] *= 0.6"]),
            (heads, [f"{y}[{i}] = 0.3 * {y}[{i} - 1] + 0.2 * {y}[{i} - 2] * {e}"]),
            (heads, [f"{y}[{i} - 1], {y}[{i}] = {c!r} * {y}[{i}], {y}[{i} - 1]"]),
            (heads, [f"if {y}[{i}] > {x}:", f"    {y}[{i}] = 0.5 * {y}[{i} - 1]", "else:", f"    {y}[{i} - 1] = 0.5 * {x}"]),
            (
                heads,
                [
                    f"if {y}[{i}] * {e} > 1.5:",
                    f"    {self.pick(['break', 'continue'])}",
                    f"{y}[{i}] = 0.4 * {y}[{i} - 1] - 0.3 * {x}",
                ],
            ),
            (
                [f"for {i} in range({n} - 1, 0, -1):", f"for {i} in reversed(range(1, {n})):"],
                [f"{y}[{i} - 1] = 0.5 * {y}[{i}] + 0.3 * {x}"],
            ),
            (heads, [f"for {j} in range({i}):", f"    {y}[{i}] = 0.5 * {y}[{i}] + 0.1 * {y}[{j}] * {y}[{i} - 1 - {j}]"]),
            (heads, [f"for {j} in range({i}, {n}):", f"    {y}[{j}] = 0.7 * {y}[{j}] - 0.2 * {y}[{j} - 1]"]),
            (heads, [f"{y}[{i}:] *= 0.5", f"{y}[{i}:] += 0.4 * {y}[: {n} - {i}]"]),
            (heads, [f"{y}[:{i}] = 0.5 * {y}[:{i}] + 0.1 * {y}[{i}]"]),
            (["for _ in range(2):", f"for {i} in range(3):"], [f"{y}[1:] = 0.5 * {y}[:-1] + 0.25 * {y}[1:]"]),
            (
                ["for _ in range(2):"],
                [f"{y}[1:-1] += 0.2 * ({y}[2:] - 2.0 * {y}[1:-1] + {y}[:-2])"] if n > 2 else [f"{y}[0] = 0.5 * {y}[1]"],
            ),
        ]
        head, body = self.pick(kinds)
        head = self.pick(head)
        if "reversed" not in head and "-1)" not in head and " in range(1" in head and self.chance(0.25):
            lines += [
                f"{i} = 1",
                f"while {i} < {n}:",
                *indent([*body, f"{i} += 1"] if "continue" not in str(body) else [f"{i} += 1", *body]),
            ]
            if "continue" in str(body):
                lines[-len(body) - 2] = f"while {i} < {n} - 1:"
        else:
            lines += [head, *indent(body)]
        if self.chance(0.15):
            lines += ["else:", f"    {y}[0] = 0.5 * {y}[-1]"]
        sc.used |= {i, j}
        return lines + (self.reading(sc, var) if self.chance(0.6) else [])

    @form(1, 3, focus=2.0, arrays=True)
    def buffers(self, sc: Scope) -> Lines | None:
        """Two arrays that change places from trip to trip; a best one that a test replaces."""
        if sc.trips > 12 or sc.cost > 1500:
            return None
        shape = self.array_kind(sc).shape
        u, v, i = self.fresh(sc, ["u0", "old0", "cur"]), self.fresh(sc, ["v0", "new0", "next0"]), self.fresh(sc, ["i", "k"])
        sc.used |= {u, v, i}
        first, second = (self.afit(self.aexpr(sc, shape, 1), FLOAT).text for _ in range(2))
        n = self.fit_int(self.iexpr(sc, 0), Interval(0, 4)).text if self.chance(0.5) else self.rng.randint(1, 4)
        sc.cost += 20 * sc.trips
        kind = self.rng.randrange(4)
        e = self.fit(self.fexpr(sc, 1), UNIT).text
        for name in (u, v):
            sc.bind(name, Array(shape), FLOAT, fixed=True)
        if kind == 0:
            return [
                f"{u}, {v} = {first}, {second}",
                f"for {i} in range({n}):",
                f"    {u}, {v} = {v}, 0.4 * {u} - 0.3 * {v} + 0.1 * {i}",
            ]
        if kind == 1:
            least = self.fit(self.fexpr(sc, 0), FLOAT).text
            return [
                f"{u} = {first}",
                f"{v} = {u}",
                f"for {i} in range({n}):",
                f"    {u} = 0.8 * {u} + 0.2 * {e} * {u} * {u} / (1.0 + {u} * {u})",
                f"    if {u}.{self.pick(['max', 'min'])}() > {least} - 0.1 * {i}:",
                f"        {v} = {u}",
            ]
        if kind == 2 and len(shape) == 1:
            j = self.fresh(sc, ["j", "l"])
            return [
                f"{u} = np.array({first})",
                f"{v} = np.zeros({shape[0]})",
                f"for {i} in range({n}):",
                f"    for {j} in range({shape[0]}):",
                f"        {v}[{j}] = 0.5 * {u}[{j}] + 0.25 * {u}[{j} - 1] * {e}",
                f"    {u}, {v} = {v}, {u}",
            ]
        s = self.fresh(sc, FLOAT_NAMES)
        sc.bind(s, "float", UNIT, FLOAT)
        return [
            f"{u} = {first}",
            f"{v} = {second}",
            f"{s} = 1.0",
            f"while {s} > {self.pick([0.2, 0.35])}:",
            f"    {v} = 0.6 * {v} + 0.3 * {u}",
            f"    {u} = {u} * 0.5",
            f"    {s} = 0.7 * {s}",
        ]

    @form(1.2, 2, focus=2.0, arrays=True)
    def rows(self, sc: Scope) -> Lines | None:
        """A loop over the rows of an array of two axes, or over a list of arrays."""
        if sc.trips > 12 or sc.cost > 1500:
            return None
        found = self.some_array(sc, 2)
        lines: Lines = []
        if found is None:
            shape = self.pick([(2, 3), (3, 2), (2, 2)])
            lines, var = self.own_array(sc, shape)
            found = (var, var.name, shape)
        a, (m, n) = self.array_read(sc, found).text, found[2]
        row, i = self.fresh(sc, ["row", "r1", "line"]), self.fresh(sc, ["i", "k"])
        s, start = self.new(sc, self.fexpr(sc, 1))
        sc.forget([s])
        lines.append(f"{s} = {start}")
        k = self.rng.randrange(n)
        own = (
            found[0]
            if isinstance(found[0].type, Array) and found[0].type.own and found[0].scope is sc and not found[0].total
            else None
        )
        heads = [
            f"for {row} in {a}:",
            f"for {i}, {row} in enumerate({a}):",
            f"for {row} in {a}.T:",
            f"for {row} in ({a}[0], {a}[{m - 1}]):",
            f"for {row} in [{a}[1], {a}[0] * 0.5]:",
        ]
        head = self.pick(heads)
        k = min(k, m - 1) if ".T" in head else k
        body = [f"{s} = 0.5 * {s} + 0.2 * {row}[{k}]"]
        if not self.exact:
            body = self.pick(
                [body, [f"{s} = 0.6 * {s} + 0.1 * np.sum({row})"], [f"{s} = np.tanh(0.3 * ({row} @ {row}) - {s})"]]
            )
        if own is not None and ".T" not in head and "[" not in head and self.chance(0.5):
            self.tags.add("view written")
            body = [*body, self.pick([f"{row}[{k}] = 0.5 * {s}", f"{row} *= 0.5", f"{row}[:] = 0.3 * {row}[::-1]"])]
        sc.cost += 8 * sc.trips
        sc.used |= {row, i}
        return [*lines, head, *indent(body)]

    @form(1, 3, focus=2.0, arrays=True)
    def sized_at_run_time(self, sc: Scope) -> Lines | None:
        """An array whose length an int decides."""
        if sc.trips > 12 or sc.cost > 1500:
            return None
        size = self.fit_int(self.iexpr(sc, 0), Interval(0, 4))
        n, y, i = self.fresh(sc, ["width", "n2", "len1"]), self.fresh(sc, ["buf1", "tab", "cells1"]), self.fresh(sc, ["i", "k"])
        sc.bind(n, "int", Interval(2, 6), fixed=True)
        sc.used |= {y, i}
        e = self.fit(self.fexpr(sc, 1), UNIT).text
        x = self.fit(self.fexpr(sc, 1), FLOAT).text
        start = self.pick([f"np.zeros({n})", f"np.full({n}, {e} + 0.5)", f"0.25 * np.arange({n})", f"np.ones({n}) * {e}"])
        fill = self.pick(
            [
                [f"for {i} in range(1, {n}):", f"    {y}[{i}] = 0.5 * {y}[{i} - 1] + {e}"],
                [f"for {i} in range({n}):", f"    {y}[{i}] = {e} * {i} * 0.2 + {y}[-1]"],
                [f"{y}[1:] = 0.5 * {y}[:-1] + {e}"],
                [f"{y}[::2] += {e}"],
                [f"{y} = {y} * {e}"],
            ]
        )
        if self.exact:
            result = self.pick([f"{y}[{n} - 1]", f"{y}[1:].max()", f"sum(0.1 * t for t in {y}[::-1])"])
        else:
            result = self.pick(
                [f"{y}.mean()", f"np.sum({y}[1:] * {y}[:-1])", f"np.sin({y}[::-1]).sum()", f"sum({y}) * 0.2", f"{y} @ {y}"]
            )
        out, text = self.new(sc, Expr(result, Interval(-60, 60)))
        sc.cost += 20 * sc.trips
        self.tags.add("array sized at run time")
        return [f"{n} = {size.text} + 2", f"{y} = {start}", f"{y}[0] = {x}", *fill, f"{out} = {text}"]
