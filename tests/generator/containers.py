"""Statements about tuples, lists, dicts and records: they are made, changed and gone through."""

from __future__ import annotations

from tests.generator.control import Control
from tests.generator.drawing import FLOAT_NAMES
from tests.generator.intervals import Expr, Interval, const
from tests.generator.scope import FLOAT, NARROW, Record, Scope, Seq, Table
from tests.generator.statements import Lines, form

__all__ = ["Containers"]


class Containers(Control):
    """Draws statements about containers."""

    @form(1.2)
    def make_tuple(self, sc: Scope) -> Lines:
        name = self.fresh(sc, ["pair", "point", "triple", "vec"])
        kinds = [self.weighted([(4, "float"), (1, "int")]) for _ in range(self.rng.randint(2, 3))]
        es = [
            self.fit(self.fexpr(sc, 1), FLOAT) if k == "float" else self.fit_int(self.iexpr(sc, 1), Interval(-4, 4))
            for k in kinds
        ]
        sc.bind(name, Seq("tuple", tuple(kinds)), FLOAT)
        return [f"{name} = ({', '.join(e.text for e in es)})"]

    @form(1.2)
    def make_list(self, sc: Scope) -> Lines:
        name = self.fresh(sc, ["items", "xs", "ys", "parts"])
        n = self.rng.randint(2, 4)
        if self.chance(0.25):
            e = self.fit(self.fexpr(sc, 1), FLOAT)
            sc.bind(name, Seq("list", ("float",) * n), FLOAT)
            return [f"{name} = [{e.text}] * {n}"]
        es = [self.fit(self.fexpr(sc, 1), FLOAT) for _ in range(n)]
        sc.bind(name, Seq("list", ("float",) * n), FLOAT)
        return [f"{name} = [{', '.join(e.text for e in es)}]"]

    @form(1.0, focus=1.5)
    def make_dict(self, sc: Scope) -> Lines:
        name = self.fresh(sc, ["table", "params", "conf"])
        keys = tuple(self.rng.sample(["a", "b", "rate", "bias", "x"], self.rng.randint(2, 3)))
        es = [self.fit(self.fexpr(sc, 1), FLOAT) for _ in keys]
        sc.bind(name, Table(keys), FLOAT)
        kind = self.rng.randrange(4)
        if kind == 0:
            return [f"{name} = dict({', '.join(f'{k}={e.text}' for k, e in zip(keys, es, strict=True))})"]
        lines = [f"{name} = {{{', '.join(f'{k!r}: {e.text}' for k, e in zip(keys, es, strict=True))}}}"]
        if kind == 1:
            other = self.fresh(sc, ["scaled", "doubled"])
            sc.bind(other, Table(keys), FLOAT)
            return [*lines, f"{other} = {{key: item * 0.5 for key, item in {name}.items()}}"]
        return lines

    @form(1.2)
    def comprehension(self, sc: Scope) -> Lines | None:
        """A list comprehension of known length."""
        if sc.trips > 20:
            return None
        name = self.fresh(sc, ["grid", "cells", "powers", "waves"])
        n = self.rng.randint(2, 4)
        i = self.fresh(sc, ["i", "j", "l"])
        before = (dict(sc.vars), set(sc.used), set(sc.assigned))
        seq = self.some(sc, lambda v: isinstance(v.type, Seq) and set(v.type.items) == {"float"})
        condition = ""
        if seq is not None and isinstance(seq.type, Seq) and self.chance(0.5):
            source, n = self.read(sc, seq).text, len(seq.type.items)
            sc.bind(i, "float", FLOAT, fixed=True)
        elif self.chance(0.25):
            source, n = f"range(3) for {i}b in (1, 2)", 6
            sc.bind(i, "int", Interval(0, 2), fixed=True)
        else:
            source = f"range({n})"
            sc.bind(i, "int", Interval(0, n - 1), fixed=True)
            if self.chance(0.25):
                condition, n = f" if {i} % 2 == 0", (n + 1) // 2
        e = self.fit(self.fexpr(sc, 2), FLOAT)
        sc.vars, sc.used, sc.assigned = before
        sc.bind(name, Seq("list", ("float",) * n), FLOAT)
        open_, close = self.pick([("[", "]"), ("tuple(", ")"), ("list(", ")")])
        if open_ == "tuple(":
            sc.vars[name].type = Seq("tuple", ("float",) * n)
        return [f"{name} = {open_}{e.text} for {i} in {source}{condition}{close}"]

    @form(1.2, 2, focus=3.5)
    def appended(self, sc: Scope) -> Lines | None:
        """append in a loop of known length."""
        if sc.trips > 20:
            return None
        name = self.fresh(sc, ["hist", "steps", "found_", "track"])
        n = self.rng.randint(2, 4)
        i = self.fresh(sc, ["i", "j", "k"])
        before = sc.snapshot()
        sc.bind(i, "int", Interval(0, n - 1), fixed=True)
        e = self.fit(self.fexpr(sc, 2), FLOAT)
        sc.restore(before)
        sc.used.discard(i)
        first = self.rng.randint(0, 1)
        start = self.fit(self.fexpr(sc, 0), FLOAT).text if first else ""
        sc.bind(name, Seq("list", ("float",) * (n + first)), FLOAT)
        more = [f"    {name}.append({e.text})"]
        if first and self.chance(0.4):
            more = [f"    {name}.append({self.fit(Expr(f'({name}[-1] * 0.7 + {e.text})', FLOAT + NARROW), FLOAT).text})"]
        kind = self.rng.randrange(4)
        if kind == 0 and not first:
            sc.vars[name].type = Seq("list", ("float",) * (2 * n))
            more.append(f"    {name}.append({i} * 0.5)")
        lines = [f"{name} = [{start}]", f"for {i} in range({n}):", *more]
        if kind == 1:
            other = self.fresh(sc, FLOAT_NAMES)
            sc.bind(other, "float", FLOAT)
            sc.vars[name].type = Seq("list", ("float",) * (n + first - 1))
            lines.append(f"{other} = {name}.pop()")
        if kind == 2:
            last = self.fit(self.fexpr(sc, 0), FLOAT).text
            sc.vars[name].type = Seq("list", ("float",) * (n + first + 2))
            lines.append(f"{name}.extend([{last}, 0.5])" if self.chance(0.5) else f"{name} += [{last}, 0.5]")
        return lines

    @form(1.2, focus=2.0)
    def set_item(self, sc: Scope) -> Lines | None:
        """Assign an item of a list or dict, or a field of a dataclass."""
        found = [
            v
            for v in sc.vars.values()
            if (isinstance(v.type, Seq) and v.type.kind == "list" and v.type.items)
            or isinstance(v.type, Table)
            or (isinstance(v.type, Record) and v.type.mutable)
        ]
        if not found:
            return None
        var = self.pick(found)
        sc.assigned.add(var.name)
        e = self.fit(self.fexpr(sc, 2), FLOAT)
        t = var.type
        if isinstance(t, Table):
            place = f"{var.name}[{self.pick(t.keys)!r}]"
        elif isinstance(t, Record):
            place = f"{var.name}.{self.pick(t.fields)}"
        else:
            n = len(t.items)
            k = self.rng.randrange(n)
            place = f"{var.name}[{k - n if self.chance(0.2) else k}]"
            if n >= 2 and self.chance(0.25) and sc.trips <= 10:
                i = self.fresh(sc, ["i", "j", "k"])
                return [
                    f"for {i} in range({n}):",
                    f"    {var.name}[{i}] = {self.fit(Expr(f'({var.name}[{i}] * 0.5 + {e.text})', FLOAT + FLOAT), FLOAT).text}",
                ]
        if self.chance(0.35):
            return [f"{place} *= {const(self.number(-0.9, 0.9)).text}"]
        if self.chance(0.2):
            return [f"{place} = {self.fit(Expr(f'({place} * 0.5 + {e.text})', FLOAT + FLOAT), FLOAT).text}"]
        return [f"{place} = {e.text}"]

    @form(0.8, 2, focus=2.0)
    def through_dict(self, sc: Scope) -> Lines:
        """A dict that is made, changed and gone through."""
        name, var = self.fresh(sc, ["weights", "opts", "terms"]), self.fresh(sc, ["s", "sum_", "mean"])
        keys = self.rng.sample(["a", "b", "low", "high", "k"], self.rng.randint(2, 3))
        texts = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in keys]
        change = self.fit(self.fexpr(sc, 1), NARROW).text
        sc.bind(name, Table(tuple(keys)), FLOAT)
        sc.bind(var, "float", FLOAT * Interval(-2, 2), FLOAT * Interval(-2, 2))
        key, x = self.fresh(sc, ["key", "label"]), self.fresh(sc, ["w1", "item1", "part"])
        c = self.number(0.2, 0.6)
        step = f"{var} = 0.5 * {var} + {c!r} *"
        lines = [f"{name} = {{{', '.join(f'{k!r}: {t}' for k, t in zip(keys, texts, strict=True))}}}"]
        if self.chance(0.5):
            k = keys[0]
            lines += [self.pick([f"{name}[{k!r}] = 0.5 * {name}[{k!r}] + {change}", f"{name}[{k!r}] *= 0.75"])]
        return [
            *lines,
            f"{var} = {name}.get({keys[0]!r}, 0.5)" if self.chance(0.6) else f"{var} = 0.0",
            *self.pick(
                [
                    [f"for {x} in {name}.values():", f"    {step} {x}"],
                    [f"for {key}, {x} in {name}.items():", f"    {step} {x}"],
                    [f"for {key} in {name}:", f"    {step} {name}[{key}]"],
                    [f"for {key} in {name}.keys():", f"    {step} {name}[{key}]"],
                    [f"for {key} in {name}.keys():", f"    {step} {name}[{key}]"],
                ]
            ),
        ]

    @form(0.8, 2, focus=2.5)
    def changed_record(self, sc: Scope) -> Lines:
        """A dataclass whose fields are assigned: here, in a loop, or by a function that it is passed to."""
        record = self.record(mutable=True)
        name = self.fresh(sc, ["particle", "cell", "account", "unit"])
        texts = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in record.fields]
        e = self.fit(self.fexpr(sc, 2), NARROW).text
        sc.bind(name, record, FLOAT)
        field = self.pick(record.fields)
        place, kind = f"{name}.{field}", self.rng.randrange(5)
        lines = [f"{name} = {record.name}({', '.join(texts)})"]
        if kind == 0:
            return [*lines, f"{place} = {e}"]
        if kind == 1:
            return [*lines, f"{place} *= {const(self.number(-0.9, 0.9)).text}"]
        if kind == 2:
            return [*lines, f"{place} *= 0.5", f"{place} {self.pick('+-')}= {e}"]
        i = self.fresh(sc, ["i", "j", "l"])
        if kind == 3 and record.methods:
            self.tags.add("method called")
            return [*lines, f"for {i} in range({self.rng.randint(1, 4)}):", f"    {name}.move({e} + 0.1 * {i})"]
        if kind == 3:
            return [*lines, f"for {i} in range({self.rng.randint(1, 4)}):", f"    {place} *= 0.5", f"    {place} += {e}"]
        f = self.taken(sc, ["move", "kick", "change"])
        change = [f"def {f}(target, v):", f"    target.{field} = 0.5 * target.{field} + 0.5 * v"]
        return [*lines, *change, f"{f}({name}, {e})", *([f"{f}({name}, {place})"] if self.chance(0.3) else [])]

    @form(1.2, focus=3.0)
    def make_record(self, sc: Scope) -> Lines:
        """A NamedTuple or dataclass value."""
        record = self.record()
        name = self.fresh(sc, ["rec", "node", "body", "state"])
        fields = [*record.fields]
        if record.defaults and self.chance(0.4):
            fields = fields[: -record.defaults]
        texts = [self.fit(self.fexpr(sc, 1), FLOAT).text for _ in fields]
        cut = self.rng.randint(0, len(fields)) if self.chance(0.5) else len(fields)
        inside = [*texts[:cut], *(f"{k}={t}" for k, t in zip(fields[cut:], texts[cut:], strict=True))]
        sc.bind(name, record, FLOAT)
        lines = [f"{name} = {record.name}({', '.join(inside)})"]
        if self.chance(0.35):
            key, e = self.pick(record.fields), self.fit(self.fexpr(sc, 1), FLOAT)
            if record.mutable:
                lines.append(f"{name} = dataclasses.replace({name}, {key}={e.text})")
            else:
                lines.append(f"{name} = {name}._replace({key}={e.text})")
        if record.methods and self.chance(0.5):
            self.tags.add("operator of a record")
            other = self.some(sc, lambda v: v.type == record)
            right = self.read(sc, other).text if other is not None else name
            both = self.fresh(sc, ["both", "joined", "halfway"])
            sc.bind(both, record, FLOAT)
            lines.append(f"{both} = {name} + {right}")
        if not record.mutable and self.chance(0.3):
            names = []
            for _ in record.fields:
                names.append(self.fresh(sc, FLOAT_NAMES))
                sc.bind(names[-1], "float", FLOAT)
            lines.append(f"{', '.join(names)} = {name}")
        return lines

    def record(self, mutable: bool | None = None) -> Record:
        """A class at module level: a NamedTuple or a dataclass, which is mutable."""
        known = [r for r in self.records if mutable is None or r.mutable == mutable]
        if known and self.chance(0.6):
            return self.pick(known)  # type: ignore[no-any-return]
        mutable = self.chance(0.5) if mutable is None else mutable
        names = ["Point", "State", "Body", "Pair", "Wave", "Cell"]
        name = next(n for n in [*names, *(f"Kind{i}" for i in range(99))] if all(r.name != n for r in self.records))
        fields = tuple(self.rng.sample(["pos", "vel", "mass", "re", "im", "load"], self.rng.randint(2, 3)))
        made = Record(name, fields, mutable, self.rng.randint(0, 1), self.chance(0.8))
        self.records.append(made)
        return made
