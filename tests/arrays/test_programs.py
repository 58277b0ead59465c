"""Generated array programs: NumPy = interpreter = LLVM; reverse = forward = differences."""

from __future__ import annotations

import linecache
import random
from typing import Any

import numpy as np
import pytest

import irad

SHAPES = [(3,), (4,), (2, 3), (3, 4), (1, 3), (3, 1), (2, 3, 4)]


class Writer:
    """Writes a program over float arrays of known shapes; values stay where functions are smooth."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lines: list[str] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.count = 0

    def program(self) -> tuple[str, list[tuple[int, ...]]]:
        arguments = [self.rng.choice(SHAPES) for _ in range(self.rng.randint(1, 3))]
        for i, shape in enumerate(arguments):
            self.shapes[f"x{i}"] = shape
        for i in range(len(arguments)):
            self.add(f"x{i}.copy()", arguments[i])
        for _ in range(self.rng.randint(3, 8)):
            self.rng.choice(
                [
                    self.binary,
                    self.binary,
                    self.unary,
                    self.sliced,
                    self.reduced,
                    self.write,
                    self.write,
                    self.moved,
                    self.product,
                    self.loop,
                    self.branch,
                ]
            )()
        total = " + ".join(f"np.sum(np.sin({n}))" for n in list(self.shapes)[-4:])
        names = ", ".join(f"x{i}" for i in range(len(arguments)))
        return f"def f({names}):\n" + "".join(f"    {line}\n" for line in self.lines) + f"    return {total}\n", arguments

    def add(self, text: str, shape: tuple[int, ...]) -> None:
        name = f"v{self.count}"
        self.count += 1
        self.lines.append(f"{name} = {text}")
        self.shapes[name] = shape

    def pick(self, *, own: bool = False) -> str:
        return self.rng.choice([n for n, s in self.shapes.items() if s and 0 not in s and (n.startswith("v") or not own)])

    def binary(self) -> None:
        a, b = self.pick(), self.pick()
        try:
            shape = np.broadcast_shapes(self.shapes[a], self.shapes[b])
        except ValueError:
            b, shape = f"{self.rng.uniform(0.5, 2.0):.2f}", self.shapes[a]
        text = self.rng.choice(
            ["{} + {}", "{} - {}", "{} * {}", "{} / (2.0 + np.sin({}))", "np.where({0} > {1}, {0} * 0.5, {1} * 2.0)"]
        )
        self.add(text.format(a, b), shape)

    def unary(self) -> None:
        a = self.pick()
        f = self.rng.choice(
            [
                "np.sin({})",
                "np.exp(-0.1 * {})",
                "np.tanh({})",
                "{}**2 * 0.1",
                "np.sqrt(1.0 + {0} * {0})",
                "-{}",
                "abs({}) + 0.5",
            ]
        )
        self.add(f.format(a), self.shapes[a])

    def index(self, shape: tuple[int, ...]) -> str:
        parts = []
        for d in shape[: self.rng.randint(1, len(shape))]:
            k = self.rng.randrange(5)
            a = self.rng.randrange(d)
            b = self.rng.randint(a + 1, d)
            parts.append(
                [str(a - d * self.rng.randrange(2)), ":", f"{a}:{b}", f"{a}:", "::-1" if self.rng.random() < 0.5 else "::2"][k]
            )
        if self.rng.random() < 0.15:
            parts.insert(self.rng.randint(0, len(parts)), "None")
        return ", ".join(parts)

    def sliced(self) -> None:
        a = self.pick()
        where = self.index(self.shapes[a])
        self.add(f"{a}[{where}] * 1.0", eval(f"x[{where}]", {"x": np.zeros(self.shapes[a])}).shape)

    def reduced(self) -> None:
        a = self.pick()
        rank = len(self.shapes[a])
        axis = self.rng.choice([None, *range(-rank, rank)])
        how = self.rng.choice(["sum", "mean", "max", "min", "prod"])
        keep = ", keepdims=True" if self.rng.random() < 0.3 else ""
        text = f"{a}.{how}(axis={axis}{keep})"
        shape = eval(f"x.{how}(axis={axis}{keep})", {"x": np.zeros(self.shapes[a])}).shape
        self.add(f"np.sin({text}) + np.zeros({shape})", shape)

    def write(self) -> None:
        a, b = self.pick(own=True), self.pick()
        where = self.index(self.shapes[a]).replace("None, ", "").replace(", None", "").replace("None", ":")
        target = eval(f"x[{where}]", {"x": np.zeros(self.shapes[a])}).shape
        op = self.rng.choice(["=", "+=", "*=", "-="])
        try:
            fits = np.broadcast_shapes(target, self.shapes[b]) == target
        except ValueError:
            fits = False
        value = f"0.5 * {b}" if fits else f"{self.rng.uniform(-1, 1):.3f}"
        self.lines.append(f"{a}[{where}] {op} {value}")

    def moved(self) -> None:
        a = self.pick()
        shape = self.shapes[a]
        if self.rng.random() < 0.5:
            self.add(f"{a}.T + 0.0", shape[::-1])
        else:
            self.add(f"{a}.reshape({int(np.prod(shape))})", (int(np.prod(shape)),))

    def product(self) -> None:
        pairs = [
            (a, b)
            for a in self.shapes
            for b in self.shapes
            if 1 <= len(self.shapes[a]) <= 2 and 1 <= len(self.shapes[b]) <= 2 and self.shapes[a][-1] == self.shapes[b][0]
        ]
        if pairs:
            a, b = self.rng.choice(pairs)
            shape = (np.zeros(self.shapes[a]) @ np.zeros(self.shapes[b])).shape
            self.add(f"0.3 * ({a} @ {b}) + np.zeros({shape})", shape)

    def loop(self) -> None:
        a, b = self.pick(own=True), self.pick()
        shape = self.shapes[a]
        first = ", ".join(["i"] + [str(self.rng.randrange(d)) for d in shape[1:]])
        kind = self.rng.randrange(7)
        if kind == 0:
            self.lines += [f"for i in range({shape[0]}):", f"    {a}[{first}] = 0.5 * {a}[{first}] + {np.sum(shape)} * 0.01"]
        elif kind == 1:
            self.lines += ["for i in range(3):", f"    {a} = 0.5 * {a} + np.sin({a})"]
        elif kind == 2:
            self.lines += ["k = 0", "while True:", "    k += 1", "    if k > 3:", "        break", f"    {a} = {a} * 0.9 + 0.1"]
        elif kind == 3:
            cut = f"{self.rng.uniform(-0.5, 0.5):.2f}"
            leave = self.rng.choice(["break", "continue"])
            self.lines += [
                "for i in range(4):",
                f"    if np.sum({a}) * (i - 1.5) > {cut}:",
                f"        {leave}",
                f"    {a} = np.cos({a})",
            ]
        elif kind == 4:
            self.lines += [f"best = {a}", "for i in range(4):", f"    trial = best * 0.8 - 0.05 * i + 0.1 * np.sum({b})"]
            self.lines += ["    if np.sum(trial * trial) < np.sum(best * best):", "        best = trial"]
            self.add("best + 0.0", shape)
        elif kind == 5:
            self.lines += [f"old, new = {a}, 0.5 * {a}", "for i in range(3):", "    old, new = new, 0.3 * old + np.tanh(new)"]
            self.add("old - new", shape)
        else:
            self.add("0.0", ())
            name = f"v{self.count - 1}"
            self.lines += [f"for row in {b}:", f"    {name} = 0.9 * {name} + np.sum(np.cos(row))"]
            self.lines.append(f"{name} = {name} * np.ones(2)")
            self.shapes[name] = (2,)

    def branch(self) -> None:
        a, b = self.pick(own=True), self.pick()
        self.lines += [f"if np.sum({b}) > 0.3:", f"    {a} = 2.0 * {a}", "else:", f"    {a} = np.cos({a})"]


def loaded(seed: int) -> tuple[Any, list[np.ndarray], str]:
    source, shapes = Writer(seed).program()
    name = f"<array program {seed}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space: dict[str, Any] = {"np": np}
    exec(compile(source, name, "exec"), space)
    rng = np.random.default_rng(seed)
    return space["f"], [rng.uniform(-1.5, 1.5, s) for s in shapes], source


@pytest.mark.parametrize("seed", range(60))
def test_programs(seed: int) -> None:
    f, arguments, source = loaded(seed)
    argnums = tuple(range(len(arguments)))
    wanted = f(*arguments)
    gradients = {}
    try:
        irad.compile(f)(*[a.copy() for a in arguments])
    except irad.CompileError as e:
        if e.diagnostic.name in ("view-write", "ambiguous-alias"):  # through a reshape; of one of two
            return
        raise
    for backend in ("llvm", "interpreter"):
        given = [a.copy() for a in arguments]
        value = irad.compile(f, backend=backend)(*given)
        np.testing.assert_allclose(value, wanted, rtol=1e-12, err_msg=source)
        value, gradients[backend] = irad.compile(irad.value_and_grad(f, argnums=argnums), backend=backend)(*given)
        np.testing.assert_allclose(value, wanted, rtol=1e-12, err_msg=source)
        for a, b in zip(given, arguments, strict=True):
            np.testing.assert_array_equal(a, b)
    rng = np.random.default_rng(seed)
    along = [rng.normal(size=a.shape) for a in arguments]
    h = 1e-6
    ahead, behind = (f(*[a + s * h * d for a, d in zip(arguments, along, strict=True)]) for s in (1, -1))
    slope = sum(np.sum(g * d) for g, d in zip(gradients["llvm"], along, strict=True))
    _, forward = irad.jvp(f, arguments, along)
    scale = 1e-13 * (1 + sum(np.sum(np.abs(g)) for g in gradients["llvm"]))
    np.testing.assert_allclose(slope, forward, rtol=1e-11, atol=scale * 100, err_msg=source)
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-6 * (1 + scale * 1e13), err_msg=source)
    for a, b in zip(gradients["llvm"], gradients["interpreter"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13 + scale, err_msg=source)
