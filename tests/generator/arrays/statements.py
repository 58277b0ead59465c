"""Statements over arrays: names bound, elements and parts written, through views and aliases, in loops and branches.

A statement is run as it is drawn. A loop's body is drawn at the first trip; then the whole loop is run, and taken back where
a later trip fails.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.generator.arrays.drawing import E, Failed, Lines, Snapshot, indent, root
from tests.generator.arrays.expressions import Expressions, fits

__all__ = ["Statements"]

IN_PLACE = ["+=", "-=", "*=", "+=", "*= 0.5 +", "/= 2.0 +"]


class Statements(Expressions):
    """Draws statements; each gives its lines, none where nothing came of it."""

    loops: int  # around
    room: int  # statements that may still be drawn

    def kept(self, lines: Lines) -> Lines:
        """The lines, where they run."""
        return lines if self.run(lines) else []

    def statement(self) -> Lines:
        """One statement."""
        self.fuel = 14
        for _ in range(6):
            make = self.weighted(
                [
                    (4.0, self.bind),
                    (5.0, self.write),
                    (2.5, self.in_place),
                    (2.0, self.overlap),
                    (2.0, self.view),
                    (1.2, self.alias),
                    (0.8, self.count_),
                    (0.8, self.container),
                    (1.0, self.container_step),
                    (1.0, self.rebind),
                    *(
                        [
                            (1.5, self.for_range),
                            (1.2, self.for_elements),
                            (1.0, self.for_rows),
                            (0.8, self.while_),
                            (0.8, self.replaced),
                            (1.2, self.branch),
                            (1.2, self.writes_argument),
                            (0.8, self.maker),
                            (0.6, self.closure),
                        ]
                        if self.loops < 2 and self.room > 0
                        else []
                    ),
                ]
            )
            try:
                lines = make()
            except Failed:
                continue
            if lines:
                self.room -= 1
                return lines
        return []

    def block(self, size: int) -> Lines:
        """Some statements; names that they bind are forgotten afterwards."""
        before = set(self.ours)
        lines: Lines = []
        for _ in range(size):
            lines += self.statement()
        self.ours = before
        return lines

    # -- names ---------------------------------------------------------------------------------------------------------

    def bound(self, stem: str, text: str) -> Lines:
        """A new name for what the text gives."""
        name = self.name(stem)
        lines = self.kept([f"{name} = {text}"])
        if lines:
            self.ours.add(name)
        return lines

    def bind(self) -> Lines:
        return self.bound("v", self.anything(self.rng.randint(1, 3)).text)

    def rebind(self) -> Lines:
        """An old name bound to another array of its type."""
        names = [n for n in sorted(self.ours) if isinstance(self.env.get(n), np.ndarray)]
        if not names:
            return []
        name = self.pick(names)
        old = self.env[name]
        if self.loops and not self.alone(old):
            return []
        e = self.expr(2)
        if e.shape != old.shape or not isinstance(e.value, np.ndarray):
            forms = [f"(0.5 * {name} + {self.small().text})", f"(np.tanh({name}) * 0.8)"] + [f"{name}[::-1]"] * (not self.loops)
            e = self.trial(lambda: self.pick(forms), e)
        if e.shape != old.shape or np.asarray(e.value).dtype != old.dtype:
            return []
        self.tags.add("name bound again")
        return self.kept([f"{name} = {e.text}"])

    def count_(self) -> Lines:
        """An int that data decides."""
        x = self.leaf("fi")
        if not np.size(x.value) or not x.shape:
            return []
        forms = [
            f"int(np.argmax({x.text}))",
            f"len({x.text})",
            f"{x.text}.shape[-1]",
            f"int(np.sum({x.text} > 0.1))",
            f"{x.text}.size",
        ]
        e = self.evaluated(self.pick(forms))
        return self.bound("k", e.text) if e.value <= 8 else []

    def alias(self) -> Lines:
        """z = y; z[0] = ...; and y is read, or written."""
        found = self.variables("f", write=True)
        if not found:
            return []
        x = self.pick(found)
        self.tags.add("alias written")
        lines = self.bound("a", x.text)
        return lines + (self.write_to(E(lines[0].split(" = ")[0], x.value)) if lines else [])

    def view(self) -> Lines:
        """v = y[1:]; v[0] = ...; and both are read afterwards."""
        found = [e for e in self.variables("fi", write=True) if e.value.ndim]
        if not found:
            return []
        x = self.pick(found)
        size = x.value.size
        forms = [f"{x.text}[{self.place(x.value, 0.0)}]"] * 5
        forms += [f"{x.text}.T", f"{x.text}[::-1]"] * 2
        forms.append(self.pick([f"{x.text}.reshape(-1)", f"{x.text}.ravel()", f"{x.text}.reshape({size}, 1)"]))
        forms += [f"np.swapaxes({x.text}, 0, -1)", f"{x.text}[None]", f"np.diagonal({x.text})", f"np.expand_dims({x.text}, -1)"]
        e = self.evaluated(self.pick(forms))
        if not isinstance(e.value, np.ndarray) or not e.shape or not np.shares_memory(e.value, x.value):
            return []
        self.tags.add("view written")
        lines = self.bound("w", e.text)
        if not lines:
            return []
        name = lines[0].split(" = ")[0]
        for _ in range(self.rng.randint(1, 2)):
            target = self.pick([E(name, self.env[name]), E(name, self.env[name]), x])
            lines += self.write_to(target)
        return lines

    # -- writes --------------------------------------------------------------------------------------------------------

    def write(self) -> Lines:
        """x[...] = ... or x[...] += ..."""
        found = self.variables("fffib"[self.rng.randrange(5)], write=True) or self.variables("f", write=True)
        return self.write_to(self.pick(found)) if found else self.own()

    def own(self) -> Lines:
        """An array of its own, to be written to."""
        found = [e for e in self.variables("f") if e.value.ndim]
        x = self.pick(found) if found and self.chance(0.8) else self.created()
        forms = [f"{x.text}.copy()", f"{x.text}.copy()", f"np.array({x.text})", f"(0.5 * {x.text})", f"np.zeros({x.shape})"]
        return self.bound("y", self.pick(forms))

    def write_to(self, x: E) -> Lines:
        place = self.place(x.value, 0.3, new=self.chance(0.2))
        target = self.evaluated(f"{x.text}[{place}]")
        op = "=" if self.chance(0.5) else self.pick(IN_PLACE if target.kind == "f" else IN_PLACE[:3])
        e = self.value_for(target)
        self.tags.add(f"written {'element' if not target.shape else 'part'} {'by =' if op == '=' else 'in place'}")
        return self.kept([f"{x.text}[{place}] {op} {e.text}"])

    def value_for(self, target: E) -> E:
        """What may be put there."""
        if target.kind == "b":
            e = self.truths(1)
        elif target.kind == "i":
            e = self.integers_of(1)
        else:
            e = self.expr(self.rng.randint(0, 2))
        for _ in range(4):
            if fits(target, e) and np.broadcast_shapes(target.shape, e.shape) == target.shape:
                return e
            e = self.expr(1) if target.kind == "f" else self.leaf(target.kind)
        return self.small() if target.kind == "f" else E(str(self.rng.randint(0, 1)), 1)

    def in_place(self) -> Lines:
        """x += ..."""
        found = self.variables("f", write=True)
        if not found:
            return []
        x = self.pick(found)
        self.tags.add("array changed in place")
        return self.kept([f"{x.text} {self.pick(IN_PLACE)} {self.value_for(x).text}"])

    def overlap(self) -> Lines:
        """x[1:] = x[:-1] and the like: the value is read from what is written to."""
        found = [e for e in self.variables("f", write=True) if e.value.ndim and e.shape[0] > 1]
        if not found:
            return []
        x = self.pick(found)
        t, c = x.text, self.number(-0.8, 0.8)
        forms = [
            f"{t}[1:] = {t}[:-1]",
            f"{t}[:-1] = {t}[1:]",
            f"{t}[1:] += {c!r} * {t}[:-1]",
            f"{t}[:-1] *= {t}[1:]",
            f"{t}[:] = {t}[::-1]",
            f"{t}[::-1] += {c!r} * {t}",
            f"{t}[1:-1] += {c!r} * ({t}[2:] - 2.0 * {t}[1:-1] + {t}[:-2])",
            f"{t}[::2] += {c!r} * {t}[::2][::-1]",
            f"{t}[: len({t}) // 2] -= {t}[-(len({t}) // 2) :]",
            f"{t}[::2][:1] += {t}[1::2][:1]",
            f"{t}[[0, 1]] = {t}[[1, 0]]",
            f"{t}[[0, 0, 1]] += {t}[[1, 0, 0]]",
            f"{t}[0], {t}[1] = {c!r} * {t}[1], {t}[0] * 1.0",
            f"{t}[{t} > 0.2] *= {c!r}",
            f"{t}[{t} < 0.0] = {t}[{t} < 0.0] ** 2",
            f"{t}[...] = {t} * {t}",
        ]
        if x.value.ndim == 2:
            forms += [
                f"{t}[:, 1:] = {t}[:, :-1]",
                f"{t}[:, 0] += {t}[:, -1]",
                f"{t}[1:] += {c!r} * {t}[0]",
                f"{t}[:, ::-1] = {t}",
                f"{t}.T[0] *= {c!r}",
            ] + [f"{t}[:] = {t}.T", f"{t} += {t}.T", f"{t}.T[...] -= 0.5 * {t}"] * (x.shape[0] == x.shape[1])
        self.tags.add("overlapping write")
        return self.kept([self.pick(forms)])

    # -- containers ----------------------------------------------------------------------------------------------------

    def container(self) -> Lines:
        """Arrays in a tuple, list, dict or record."""
        x, y = self.expr(1), self.leaf()
        a, b = (f"{e.text} + 0.0" if self.chance(0.5) else e.text for e in (x, y))
        if not isinstance(x.value, np.ndarray) or not isinstance(y.value, np.ndarray):
            return []
        self.helpers.setdefault("Pair", ["@dataclasses.dataclass", "class Pair:", "    p: np.ndarray", "    q: np.ndarray"])
        if "Pair" not in self.env:
            exec("\n".join(["import dataclasses", *self.helpers["Pair"]]), self.env)
        self.tags.add("arrays in a container")
        return self.bound("s", self.pick([f"({a}, {b})", f"[{a}, {b}]", f"{{'p': {a}, 'q': {b}}}", f"Pair({a}, {b})"]))

    def container_step(self) -> Lines:
        """An item of a container bound again, written to, or stepped."""
        found = [e for e in self.variables("f") if not e.text.isidentifier()]
        if not found:
            return []
        x = self.pick(found)
        e = self.expr(1)
        if e.shape != x.shape or np.asarray(e.value).dtype != x.value.dtype:
            e = self.trial(lambda: f"(0.7 * {x.text} + {self.small().text})", x)
        self.tags.add("item of a container bound again")
        return self.kept([f"{x.text} = {e.text}"])

    # -- loops and branches --------------------------------------------------------------------------------------------

    def whole(self, before: Snapshot, lines: Lines) -> Lines:
        """The lines of a block, run as a whole from the state before it."""
        before.restore(self.env)
        return self.kept(lines)

    def looped(self, header: str, first: str, body: Callable[[], Lines], names: list[str]) -> Lines:
        """A loop: its header, what its first trip begins with, what draws its body, the names it binds."""
        before = Snapshot(self.env)
        if not self.run([first]):
            return []
        self.loops += 1
        self.ours |= set(names)
        lines = body()
        self.loops -= 1
        self.ours -= set(names)
        if not lines:
            before.restore(self.env)
            return []
        return self.whole(before, [header, *indent(lines)])

    def for_range(self) -> Lines:
        """for i in range(...): some statements."""
        i = self.name("i")
        names = self.ints()
        count = self.pick([*names, "3", "2", "4", "1"]) if self.chance(0.7) else f"{self.rng.randint(1, 3)}"
        header = self.pick(
            [f"range({count})"] * 4 + [f"range(1, {count} + 1)", f"range({count}, 0, -1)", f"reversed(range({count}))"]
        )
        self.tags.add("loop")
        return self.looped(
            f"for {i} in {header}:", f"{i} = next(iter({header}))", lambda: self.block(self.rng.randint(1, 3)), [i]
        )

    def for_elements(self) -> Lines:
        """A recurrence over the elements or rows of an array; over two axes, two loops."""
        found = [e for e in self.variables("f", write=True) if e.value.ndim and e.shape[0] > 1]
        if not found:
            return []
        x = self.pick(found)
        t, n, i, c = x.text, x.shape[0], self.name("i"), self.number(-0.8, 0.8)
        other = [e for e in self.variables("f") if e.value.ndim and e.shape[0] and e.shape[1:] in ((), x.shape[1:])]
        y = self.pick(other) if other else x
        r = f"{y.text}[{i} % {y.shape[0]}]"
        self.tags.add("recurrence")
        if x.value.ndim == 2 and self.chance(0.5):
            j, m = self.name("j"), x.shape[1]
            bodies = [
                f"{t}[{i}, {j}] = {c!r} * {t}[{i} - 1, {j}] + 0.3 * {t}[{i}, {j} - 1]",
                f"{t}[{i}, {j}] += {c!r} * {r.replace(i, j)}" if y.value.ndim == 1 else f"{t}[{i}, {j}] *= {c!r}",
                f"{t}[{i}][{j}] = np.sin({t}[{i}, {j}]) * {t}[-1 - {i} % {n}, {j}]",
                f"{t}[{i}, {j}], {t}[{i} - 1, {j}] = {t}[{i} - 1, {j}], {c!r} * {t}[{i}, {j}]",
            ]
            rows = self.pick([f"range({n})", f"range(1, {n})", f"range(len({t}))", f"range({t}.shape[0])"])
            columns = self.pick([f"range({m})", f"range({t}.shape[1])", f"range(min({i} + 1, {m}))"])
            return self.kept([f"for {i} in {rows}:", f"    for {j} in {columns}:", f"        {self.pick(bodies)}"])
        bodies2: list[Lines] = [
            [f"{t}[{i}] = {c!r} * {t}[{i} - 1] + 0.2 * {r}"],
            [f"{t}[{i}] = np.tanh({t}[{i} - 1]) * {r}"],
            [f"{t}[{i}] += {c!r} * {t}[{i} - 1]", f"{t}[{i}] *= 0.7"],
            [f"{t}[{i}:] *= {c!r}", f"{t}[{i}:] += {t}[: {n} - {i}]"],
            [f"{t}[{i} - 1], {t}[{i}] = {c!r} * {t}[{i}], 1.0 * {t}[{i} - 1]"],
            [f"{t}[[{i}, {i} - 1, {i}]] += {c!r} * {t}[[{i} - 1, 0, {i}]]"],
            [
                f"if np.sum({t}[{i}]) > {c!r}:",
                f"    {self.pick(['continue', 'break'])}",
                f"{t}[{i}] = 0.5 * {t}[{i} - 1] + {r}",
            ],
            [f"{t}[{i}] = 0.5 * {t}[: {i} + 1].sum(axis=0)"],
            [f"{t}[:{i}] = 0.5 * {t}[:{i}] + 0.2 * {t}[{i}]"],
            [f"{t}[({i} * 2) % {n}] += {c!r} * {r}"],
        ]
        rows = self.pick(
            [f"range(1, {n})"] * 3 + [f"range({n})", f"range({n} - 1, 0, -1)", f"range(1, len({t}))", f"range(1, {n}, 2)"]
        )
        return self.kept([f"for {i} in {rows}:", *indent(self.pick(bodies2))])

    def for_rows(self) -> Lines:
        """A loop over the rows of an array, or over arrays in a tuple; rows are written to, or summed."""
        found = [e for e in self.variables("f") if e.value.ndim and e.shape[0]]
        if not found:
            return []
        x = self.pick(found)
        r, i = self.name("r"), self.name("i")
        y = self.pick(found)
        heads = [
            (f"for {r} in {x.text}:", x.shape[1:]),
            (f"for {i}, {r} in enumerate({x.text}):", x.shape[1:]),
            (f"for {r} in {x.text}.T:", x.shape[:-1]),
            (f"for {r} in ({x.text}, {y.text}):", None),
            (f"for {r}, {i} in zip({x.text}, {y.text}[::-1]):", x.shape[1:]),
            (f"for {r} in [{x.text}[0], {x.text}[-1] * 0.5]:", x.shape[1:]),
        ]
        head, shape = self.pick(heads)
        if id(root(x.value)) in self.given and not self.writes_arguments:
            shape = None
        c, total = self.number(-0.8, 0.8), self.name("t")
        lines = [f"{total} = {self.pick(['0.0', repr(c), f'{r_sum(y.text)}'])}"]
        body = [
            self.pick(
                [f"{total} = 0.7 * {total} + np.sum({r})", f"{total} += np.sin({r}).sum()", f"{total} += np.sum({r} * {r})"]
            )
        ]
        if shape and self.chance(0.6):
            self.tags.add("row written")
            body.append(
                self.pick([f"{r}[0] = {c!r} * {total}", f"{r} *= {c!r}", f"{r}[1:] += {r}[:-1]", f"{r}[:] = {r}[::-1] * {c!r}"])
            )
        self.tags.add("loop over rows")
        lines = self.kept([*lines, head, *indent(body)])
        if lines:
            self.ours.add(total)
        return lines

    def while_(self) -> Lines:
        """A while loop, ended by data, or at last by a count."""
        k, most = self.name("k"), self.rng.randint(2, 4)
        found = [e for e in self.variables("f", write=True) if e.value.ndim and e.value.size and e.text.isidentifier()]
        start = self.kept([f"{k} = 0"])
        test = f"{k} < {most}"
        shrinking: Lines = []
        if found and self.chance(0.6):
            x = self.pick(found)
            ends = [f"np.sum({x.text} * {x.text}) > 0.4", f"abs({x.text}).max() > 0.3", f"{x.text}[0].sum() < 2.0"]
            test += f" and {self.pick(ends)}"
            bound = [f"{x.text} = {x.text} * 0.5"] * self.alone(x.value)
            shrinking = [self.pick([f"{x.text} *= 0.6", f"{x.text}[...] = 0.6 * {x.text}[::-1]", *bound])]
        self.tags.add("while loop")

        def body() -> Lines:
            lines = self.kept(shrinking) + self.block(self.rng.randint(1, 2))
            return [*lines, f"{k} += 1"] if lines else []

        lines = self.looped(f"while {test}:", f"{k} = 0", body, [k])
        return [*start, *lines] if lines else []

    def replaced(self) -> Lines:
        """Two arrays that change places from trip to trip; a best one that a test replaces; a loop that a test leaves."""
        x = self.leaf()
        if not isinstance(x.value, np.ndarray):
            return []
        u, v, i, c, n = self.name("u"), self.name("u"), self.name("i"), self.number(-0.6, 0.6), self.rng.randint(1, 4)
        forms: list[Lines] = [
            [
                f"{u}, {v} = {x.text} + 0.0, 0.5 * {x.text}",
                f"for {i} in range({n}):",
                f"    {u}, {v} = {v}, {c!r} * {u} + np.tanh({v})",
            ],
            [
                f"{u} = {x.text} * 1.0",
                f"for {i} in range({n}):",
                f"    {v} = 0.8 * {u} - 0.1 * {i}",
                f"    if np.sum({v} * {v}) < np.sum({u} * {u}):",
                f"        {u} = {v}",
            ],
            [
                f"{i}, {u} = 0, {x.text} * 1.0",
                "while True:",
                f"    {i} += 1",
                f"    if {i} > {n} or np.sum({u}) > 2.0:",
                "        break",
                f"    {u} = np.cos({u}) - {c!r} * {u}",
            ],
            [
                f"{u} = np.array({x.text})",
                f"{v} = np.zeros_like({u})",
                f"for {i} in range({n}):",
                f"    {v}[...] = {c!r} * {u} + 0.1 * {i}",
                f"    {u}, {v} = {v}, {u}",
            ],
        ]
        self.tags.add("arrays change places")
        out = self.name("v")
        lines = self.kept([*self.pick(forms), f"{out} = {u} * 1.0"])  # u is one of two: it is not written to
        if lines:
            self.ours.add(out)
        return lines

    def branch(self) -> Lines:
        """if data decides so: some statements, else others."""
        before = Snapshot(self.env)
        x = self.leaf()
        if not np.size(x.value):
            return []
        tests = [
            f"np.sum({x.text}) > {self.number(-1, 1)!r}",
            f"np.any({x.text} > 0.5)",
            f"{x.text}.max() < {self.number(0, 2)!r}",
        ]
        tests += [f"{i} > {self.rng.randint(0, 3)}" for i in self.ints()] + [f"{i} % 2 == 0" for i in self.ints()]
        test = self.pick(tests)
        arms = []
        self.loops += 1
        for _ in range(2):
            arms.append(self.block(self.rng.randint(1, 2)))
            before.restore(self.env)
        self.loops -= 1
        if not arms[0]:
            return []
        self.tags.add("branch")
        lines = [f"if {test}:", *indent(arms[0])]
        return self.whole(before, lines + (["else:", *indent(arms[1])] if arms[1] and self.chance(0.7) else []))

    # -- functions -----------------------------------------------------------------------------------------------------

    def writes_argument(self) -> Lines:
        """A function that writes to an array and reads another, called with arrays that may share memory."""
        found = [e for e in self.variables("f", write=True) if e.value.ndim and e.shape[0] > 1]
        if not found:
            return []
        x = self.pick(found)
        t, name, c = x.text, self.name("put"), self.number(-0.8, 0.8)
        calls = [f"{t}, {t}"] * 2 + [
            f"{t}, {t}[::-1]",
            f"{t}[1:], {t}[:-1]",
            f"{t}[:-1], {t}[1:]",
            f"{t}, {t}[0]",
            f"{t}[::-1], {t}",
        ]
        calls += [
            f"{t}, {e.text}" for e in self.variables("f") if e.shape and e.shape[1:] == x.shape[1:] and e.shape[0] >= x.shape[0]
        ]
        bodies: list[Lines] = [
            ["a[0] = b[-1] * 0.5"],
            ["for i in range(len(a)):", f"    a[i] = {c!r} * a[i] + 0.3 * b[i - 1]"],
            ["a += 0.5 * b"],
            ["a[1:] = b[:-1]", "b = b * 2.0", "a[0] += b[0]"],
            ["a[...] = a * b"],
            ["c = a", "c[-1] = b[0]", "a[0] += c[-1]"],
            ["a[[0, 1, 0]] += b[[1, 1, 0]]"],
            ["for i in range(1, len(a)):", "    a[i] = b[i - 1] * 0.9", "    a[i - 1] += 0.1"],
        ]
        body = self.pick(bodies)
        gives = self.pick(["", "return a", "return b[0] * 1.0", "return a[1:]", "return a, b"])
        self.helpers[name] = [f"def {name}(a, b):", *indent(body + ([gives] if gives else []))]
        exec("\n".join(self.helpers[name]), self.env)
        self.tags.add("array argument written")
        call = f"{name}({self.pick(calls)})"
        lines = self.bound("g", call) if gives and self.chance(0.8) else self.kept([call])
        if not lines:
            del self.helpers[name]
        return lines

    def maker(self) -> Lines:
        """A function that makes an array whose size it computes."""
        name, c = self.name("made"), self.number(-0.9, 0.9)
        bodies = [
            ["out = np.zeros(k)", "for i in range(k):", "    out[i] = x.sum() * 0.1 + i", "return out"],
            ["return np.arange(k) * x.mean()"],
            ["out = np.ones((k, 2))", "out[1:] *= 0.5", "return out * np.cos(x).mean()"],
            [f"return x[:k] * {c!r}"],
            ["return np.concatenate([x[:k], x[:1]])"],
            ["out = np.empty(k + 1)", f"out[:] = {c!r}", "out[k] = x.min()", "return out"],
            ["return np.full(k, x.max())[::-1]"],
        ]
        self.helpers[name] = [f"def {name}(x, k):", *indent(self.pick(bodies))]
        exec("\n".join(self.helpers[name]), self.env)
        x = self.expr(1)
        k = self.pick([*(i for i in self.ints() if self.env[i] != 1), "2", "3"])
        self.tags.add("helper makes an array of run-time size")
        lines = self.bound("h", f"{name}({x.text}, {k})")
        if not lines:
            del self.helpers[name]
        return lines

    def closure(self) -> Lines:
        """A function inside, which reads an array around it, called in an expression or a loop."""
        x = self.leaf()
        if not isinstance(x.value, np.ndarray):
            return []
        name, c, out = self.name("f"), self.number(-0.9, 0.9), self.name("v")
        lines = [f"def {name}(t):", f"    return {c!r} * t + np.sin({x.text}) * {self.pick(['0.5', 't'])}"]
        lines += [f"{out} = {name}({self.leaf().text})"]
        if self.chance(0.4):
            lines += [f"for _ in range({self.rng.randint(1, 3)}):", f"    {out} = 0.5 * {name}({out})"]
        self.tags.add("closure over an array")
        lines = self.kept(lines)
        if lines:
            self.ours.add(out)
        return lines


def r_sum(text: str) -> str:
    return f"{text}.sum()"
