"""The primitive table: every operation of the registry, every facet. A new record is tested without a new line here; one
that no arguments can be generated for fails.

Values: `values`; derivatives: `derivatives`; operations on graphs and effects: `control`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from irad.backends.interpreter.run import interpret

from irad.errors import CompileError, InternalError, Span
from irad.graph.nodes import Node
from irad.graph.walk import all_graphs
from irad.pipeline import optimize
from irad.primitives import REGISTRY
from irad.primitives.table import Missing, Primitive
from irad.transforms import backward, forward
from irad.types import Array, is_float
from irad.verify import verify
from tests.primitives.compare import same_bits
from tests.primitives.control import CONTROL
from tests.primitives.derivatives import (
    check_derivatives,
    choices,
    derivative_samples,
    differentiable,
    scalar_signatures,
)
from tests.primitives.programs import BACKENDS, Derivatives, application, expected, leaves, load, value_program
from tests.primitives.samples import PLAIN, Sample, applications, samples
from tests.primitives.values import check_numbers, check_samples, signatures

WITH_GRAPHS = [p for p in REGISTRY.values() if p not in PLAIN]
ELEMENTWISE = [p for p in PLAIN if p.elementwise]


@pytest.mark.parametrize("p", PLAIN, ids=str)
def test_values_of_shapes_facts_and_structures(p: Primitive) -> None:
    check_samples(p)


@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_values_of_numbers(p: Primitive) -> None:
    found = signatures(p)
    assert found, f"{p} takes no numbers that can be generated"
    for a in found:
        check_numbers(a)


@pytest.mark.parametrize("p", PLAIN, ids=str)
def test_derivatives(p: Primitive) -> None:
    check_derivatives(p)


@pytest.mark.parametrize("p", PLAIN, ids=str)
def test_every_floating_operation_says_what_its_derivative_is(p: Primitive) -> None:
    """A rule, or a reason why there is none."""
    if any(differentiable(s) for s in samples(p, 8)):
        stated = p.partials is not None or (p.vjp is not None and p.jvp is not None)
        assert stated, f"{p} takes floats to floats: declare partials, vjp and jvp, or Missing(why)"


@pytest.mark.parametrize("p", REGISTRY.values(), ids=str)
def test_every_facet_is_there_or_says_why_not(p: Primitive) -> None:
    assert p.doc, "explain needs a line"
    assert p.ref is not None
    assert p.llvm is not None
    for facet in (p.ref, p.vjp, p.jvp, p.llvm):
        assert not isinstance(facet, Missing) or len(facet.reason) > 10


@pytest.mark.parametrize("p", PLAIN, ids=str)
def test_type_rule_and_verifier_agree(p: Primitive) -> None:
    for s in samples(p, 4):
        verify(value_program(s))
    assert len(applications(p)) > 0


# -- operations on graphs, effects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("p", WITH_GRAPHS, ids=str)
def test_control_and_effects(p: Primitive, backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert p.name in CONTROL, f"{p} takes graphs or has an effect: write a program for it in control.CONTROL"
    program = CONTROL[p.name]
    used = {n.fn for g in all_graphs(program.module()) for n in g.body}
    assert p in used
    run = load(program.module(), backend)
    for xs in program.values:
        try:
            want = program.meaning(*xs)
        except Exception as e:
            with pytest.raises(type(e), match=f"^{e}$"):
                run(xs)
        else:
            (got,) = run(xs)
            assert got == pytest.approx(want, rel=1e-15)
            assert capsys.readouterr().out == program.prints.format(*xs)


@pytest.mark.parametrize("p", WITH_GRAPHS, ids=str)
def test_derivatives_through_control_and_effects(p: Primitive, capsys: pytest.CaptureFixture[str]) -> None:
    """Against differences of the meaning; to second order."""
    program = CONTROL[p.name]
    wrt = choices(program.types)[0]
    d = Derivatives(program.types, wrt, program.build, [np.float64(0)])
    runs = [(load(d.first(), b), load(d.second(), b), load(d.mixed(), b)) for b in BACKENDS]
    dxs, ct, h = [0.5, -1.25], 0.75, 1e-5
    for xs in program.values:
        try:
            program.meaning(*xs)
        except Exception as e:
            with pytest.raises(type(e)):
                runs[0][0]([*xs, *dxs, ct])
            continue

        def moved(t: float, xs: Any = xs) -> list[Any]:
            out = list(xs)
            for i, dx in zip(wrt, dxs, strict=True):
                out[i] += t * dx
            return out

        slope = (program.meaning(*moved(h)) - program.meaning(*moved(-h))) / (2 * h)
        for first, second, mixed in runs:
            _, tangent, *cts = first([*xs, *dxs, ct])
            assert tangent == pytest.approx(slope, rel=1e-7, abs=1e-7)
            assert ct * tangent == pytest.approx(sum(c * dx for c, dx in zip(cts, dxs, strict=True)), rel=1e-12, abs=1e-12)
            results = list(second([*xs, *dxs, ct]))
            up, down = (list(first([*moved(t), *dxs, ct]))[2:] for t in (h, -h))
            for over, under, a, b in zip(results[:2], results[2:], up, down, strict=True):
                assert over == pytest.approx((a - b) / (2 * h), rel=1e-6, abs=1e-6)
                assert over == pytest.approx(under, rel=1e-12, abs=1e-12)
            transposed, along = mixed([*xs, ct, *dxs])
            assert transposed == pytest.approx(along, rel=1e-12)
    capsys.readouterr()


# -- missing facets ----------------------------------------------------------------------------------------------------------

LINE = Span("model.py", 7, 4, 7, 9)
PLACED = [p for p in PLAIN if any(differentiable(s) for s in samples(p, 8))]


SHAPED = ("reshape", "transpose")  # to the same shape, or with the axes in order, they are no operation


def stays(s: Sample) -> bool:
    """Whether no rule makes another operation of a sample, or none."""
    if s.a.p.name == "contract":  # of vectors and matrices it may be a matmul
        return any(isinstance(t, Array) and t.rank > 2 for t in s.a.types)
    return s.a.p.name not in SHAPED or len({leaf for leaf, _ in leaves(s)} | {s.a.out}) > 1


def derivative_module(p: Primitive, *, reverse: bool) -> Any:
    """A derivative through p, whose application stands at LINE."""
    s = next(s for s in derivative_samples(p, 12) if stays(s))

    def build(b: Any, xs: list[Node]) -> list[Node]:
        b.span = LINE
        return application(s)(b, xs)

    wrt = tuple(i for i, (t, _) in enumerate(leaves(s)) if is_float(t))
    outs = [v for v in expected(s.a.out, s.result) if np.asarray(v).dtype.kind == "f"]
    d = Derivatives([t for t, _ in leaves(s)], wrt, build, outs)
    return d.first() if not reverse else d.pulled()


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("p", PLACED, ids=str)
def test_a_derivative_that_is_missing_is_refused_with_its_reason(
    p: Primitive, reverse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, with the reason, at the line. Operations that the transforms know as wholes have their rules there."""
    if isinstance(p.vjp, Missing):
        assert p.name in forward.SPECIAL
        assert p.name in backward.SPECIAL
        return
    module = derivative_module(p, reverse=reverse)
    for facet in ("partials", "vjp", "jvp"):
        monkeypatch.setattr(p, facet, None if facet == "partials" else Missing("nobody has found one yet"))
    with pytest.raises(CompileError) as e:
        optimize(module)
    assert e.value.diagnostic.name == "not-differentiable"
    assert f"`{p.name}`" in e.value.diagnostic.message
    assert "nobody has found one yet" in e.value.diagnostic.message
    assert e.value.diagnostic.span == LINE


@pytest.mark.parametrize("p", [p for p in PLAIN if isinstance(p.ref, Missing)], ids=str)
def test_what_has_no_reference_is_run_by_the_interpreter_all_the_same(p: Primitive) -> None:
    for s in samples(p, 4):
        got = load(value_program(s), "interpreter")([v for _, v in leaves(s)])
        for g, w in zip(got, expected(s.a.out, s.result), strict=True):
            assert same_bits(np.asarray(g, np.asarray(w).dtype), w)


def test_transforms_that_were_not_expanded_are_refused_by_the_interpreter() -> None:
    module = CONTROL["jvp"].module()
    with pytest.raises(InternalError, match="expand the transforms first"):
        interpret(module, (1.0, 2.0))


@pytest.mark.parametrize("p", ELEMENTWISE, ids=str)
def test_a_lowering_that_is_missing_is_refused_with_its_reason(p: Primitive, monkeypatch: pytest.MonkeyPatch) -> None:
    s = next(s for s in samples(p, 8) if p.name != "convert" or s.a.types[0] is not s.a.out)  # (to the same type: no operation)
    monkeypatch.setattr(p, "llvm", Missing("this machine cannot"))
    with pytest.raises(CompileError, match=f"`{p}` cannot be compiled for this machine: this machine cannot"):
        load(value_program(s), "llvm")


def test_the_walk_reaches_what_it_should() -> None:
    """Guards against a generator that quietly finds less."""
    assert len([p for p in ELEMENTWISE if scalar_signatures(p)]) >= 45
    assert len(PLACED) >= 75
    assert sum(len(samples(p, 16)) for p in PLAIN) > 1200
    assert sum(len(signatures(p)) for p in ELEMENTWISE) > 230
