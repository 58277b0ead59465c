"""Every pass of the optimizer alone, and every prefix of the pipeline, keeps what a program means.

Passes alone meet the module as it is made, and made lean, as transforms want it. The interpreter runs the module before any
pass, and after each. A program's value stays bit for bit; derivative values may be reassociated: they stay to 1e-13, or
within ten times what rounding does to them. Each module verifies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tests.fuzz.reference import Index, Vectors, numbers, same, tangents

if TYPE_CHECKING:
    from irad.graph.nodes import Module
    from irad.optimize.passes import Pass
    from tests.fuzz.oracles import Examination

__all__ = ["SAME", "Part", "agree", "check_passes", "parts"]

SAME = 1e-13
Part = tuple[Index, Vectors, bool]  # the derivative that a number of a result is, and whether it keeps its bits


def check_passes(e: Examination) -> None:
    """The passes on the program, on its gradient, and (where second derivatives are asked for) on the gradient's."""
    if e.plan.only and not e.plan.only.startswith("passes"):
        return
    from tests.fuzz.oracles import along_gradient

    irad, floats = e.irad, e.program.floats
    functions = {"value": e.f, "grad": irad.value_and_grad(e.f, argnums=floats)}
    if e.plan.order >= 2:
        along = tangents(e.program, e.directions(1)[0])
        functions["grad of grad"] = irad.grad(along_gradient(e.f, floats, along), argnums=floats)
    for name, f in functions.items():
        if not e.plan.only or e.plan.only.startswith(f"passes {name}: "):
            _Passes(e, name, f).run()


def parts(e: Examination, name: str) -> list[Part]:
    """What the numbers of a result are."""
    value: Part = ((), (), "derivative inside" not in e.program.tags)
    if name == "value":
        return [value]
    vectors = e.directions(1) if name == "grad of grad" else []
    slopes: list[Part] = [(i, vectors, False) for i in e.firsts]
    return [value, *slopes] if name == "grad" else slopes


def agree(e: Examination, kind: str, what: str, parts: Sequence[Part], got: Any, want: Any) -> None:
    """Compare two results of irad, number by number."""
    for (index, vectors, exact), g, w in zip(parts, numbers(got), numbers(want), strict=True):
        if not exact:
            e.one(kind, what, g, w, SAME, index, vectors)
        elif type(g) is not type(w) or not same(g, w):
            e.fail(kind, what, f"the value was {w!r} and becomes {g!r}")


class _Passes:
    """The check of one function: the program, or a derivative of it."""

    def __init__(self, e: Examination, name: str, f: Any) -> None:
        from irad.compiled import Compiled, Options, core_of

        self.e, self.name = e, name
        self.core = core_of(f) or Compiled(f, Options())
        self.parts = parts(e, name)
        self.known: dict[str, Any] = {}  # results by the module's text: many passes find nothing to do
        self.want: Any = None

    def run(self) -> None:
        from irad.pipeline import LEAN, NATIVE, OPTIMIZE, each
        from irad.specialize.entry import type_of

        try:
            entry = self.core.specialized([type_of(a) for a in self.e.program.args])
        except Exception:
            return  # what `values` and `gradients` have reported
        self.leaves = self.arguments(entry)
        bare = self.step("expand", lambda: _expanded(entry.module, ()))
        for i in range(1, len(LEAN) + 1):
            lean = self.step(f"expand after {_names(LEAN[:i])}", lambda i=i: _expanded(entry.module, LEAN[:i]))
        for before, where in ((bare, ""), (lean, " on the lean")):
            for p in dict.fromkeys((*LEAN, *OPTIMIZE)) if before is not None else ():
                self.step(f"{p.name} alone{where}", lambda p=p, before=before: p.run(before))
        for i, p in enumerate(OPTIMIZE):
            if lean is not None:
                lean = self.step(f"after {_names(OPTIMIZE[: i + 1])}", lambda p=p, lean=lean: p.run(lean))
        self.parts = [(index, vectors, False) for index, vectors, _ in self.parts]  # sums of arrays promise no order
        for p in dict.fromkeys(each(NATIVE)) if bare is not None else ():
            self.step(f"{p.name} alone", lambda p=p: p.run(bare))
        for p in each(NATIVE):
            if lean is not None:
                lean = self.step(f"{p.name} after all", lambda p=p, lean=lean: p.run(lean))

    def arguments(self, entry: Any) -> list[Any]:
        """The leaves of the program's arguments, then of what it captured."""
        from irad.structures import flatten, resolve

        given = self.e.program.args
        leaves: list[Any] = list(given)
        params = entry.module.entry.params
        for h, p in zip(entry.hidden, params[len(params) - len(entry.hidden) :], strict=True):
            flatten(resolve(h.path, self.core.fn, given), p.type, leaves)
        return leaves

    def step(self, what: str, make: Callable[[], Module]) -> Any:
        """The module that `make` gives, verified, run and compared; None where an earlier step failed."""
        from irad.backends.interpreter.run import loaded

        from irad.verify import verify

        name = f"passes {self.name}: {what}"
        made: Module
        try:
            made = verify(make(), "optimized")
            text = str(made)
            if text not in self.known:
                self.known[text] = loaded(made)(self.leaves)
        except Exception as error:
            if self.e.plan.only in ("", name):
                self.e.raised(name, error)
            return None
        if self.want is None:
            self.want = self.known[text]
        elif self.e.plan.only in ("", name):
            self.e.report.count("modules after passes")
            agree(self.e, "wrong pass", name, self.parts, self.known[text], self.want)
        return made


def _expanded(module: Module, lean: Sequence[Pass]) -> Module:
    """The module without transforms, with `lean` run before each round; without any, only put in normal form, since
    transforms want functions to stand at the top level."""
    from irad.graph.normal import normal_form
    from irad.pipeline import run_passes
    from irad.primitives import REGISTRY
    from irad.transforms.expand import expand_transforms

    return expand_transforms(module, lambda m: run_passes(m, lean) if lean else normal_form(m, REGISTRY))


def _names(passes: Sequence[Pass]) -> str:
    return ", ".join(p.name for p in passes)
