"""What records say of the structure of derivatives, against forward mode: every facet `structure`, and partials of arrays."""

from typing import Any

import numpy as np
import pytest

from irad.graph.build import Builder
from irad.graph.nodes import Module, Node
from irad.primitives import REGISTRY
from irad.primitives.table import Primitive
from irad.transforms.elimination import NotStraightLine
from irad.transforms.structured import LinearisedArrays
from irad.types import F64, INT, Array, is_float
from tests.primitives import compare
from tests.primitives.derivatives import differentiable
from tests.primitives.programs import Derivatives, application, expected, has_symbols, leaves, load, run
from tests.primitives.samples import Application, Sample, samples

WITH_STRUCTURE = [p for p in REGISTRY.values() if p.structure is not None]
ELEMENTWISE = [p for p in REGISTRY.values() if p.elementwise and p.name not in ("stop_gradient", "convert")]
REFUSED = ("a block is not inside", "are far apart", "has no derivative")


def known(a: Application) -> bool:
    """Whether its arrays have sizes that are known, and its floats are f64."""
    types = (*a.types, a.out)
    floats = all((t.dtype if isinstance(t, Array) else t) is F64 for t in types if is_float(t))
    return floats and not any(map(has_symbols, types)) and any(isinstance(t, Array) for t in types)


def by_structure(s: Sample, wrt: tuple[int, ...]) -> list[np.ndarray]:
    """The derivatives of the result in the arguments `wrt`, from the record; places are known when the program is compiled."""
    f, b = Builder(Module(), REGISTRY), Builder(Module(), REGISTRY)
    graph, main = f.new_graph("f"), b.new_graph("main")
    given = [i for i, t in enumerate(s.a.types) if t is not INT]
    pairs = zip(s.a.types, s.values, strict=True)
    args: list[Node] = [f.literal(int(v)) if t is INT else f.parameter(graph, t) for t, v in pairs]
    with f.inside(graph):
        graph.finish(f.apply(s.a.p, args, s.a.static))
    params: list[Node] = [b.parameter(main, s.a.types[i]) for i in given]
    with b.inside(main):
        found = LinearisedArrays(b, graph, [given.index(i) for i in wrt], params)
        main.finish(b.make_tuple(*found.jacobian(found.region.order("forward"))))
    return [np.asarray(d) for d in run(b.module, [s.values[i] for i in given], "interpreter")]


def by_forward_mode(s: Sample, wrt: tuple[int, ...]) -> list[np.ndarray]:
    types, values = [t for t, _ in leaves(s)], [v for _, v in leaves(s)]
    d = Derivatives(types, wrt, application(s), list(expected(s.a.out, s.result)))
    first, found = load(d.first(), "interpreter"), []
    ct = np.ones_like(s.result)[()]
    for i in wrt:
        columns = []
        for k in range(np.size(values[i])):
            dxs: list[Any] = [np.zeros_like(values[j]) for j in wrt]
            dxs[wrt.index(i)].reshape(-1)[k] = 1.0
            tangent = list(first([*values, *[dx[()] for dx in dxs], ct]))[1]
            columns.append(np.asarray(tangent))
        found.append(np.stack(columns, axis=-1).reshape(np.shape(s.result) + np.shape(values[i])))
    return found


@pytest.mark.parametrize("p", [*WITH_STRUCTURE, *ELEMENTWISE], ids=str)
def test_structures_are_derivatives(p: Primitive) -> None:
    checked, refused = 0, list[str]()
    for s in samples(p, 60, keep=known):
        wrt = tuple(i for i, t in enumerate(s.a.types) if is_float(t))
        if not differentiable(s) or not wrt or any(0 in np.shape(v) for v in (*s.values, s.result)):
            continue
        try:
            found = by_structure(s, wrt)
        except NotStraightLine as e:
            refused.append(str(e))
            continue
        for got, want in zip(found, by_forward_mode(s, wrt), strict=True):
            finite = np.isfinite(want)  # zero times infinity is no derivative
            assert got.shape == want.shape, s
            assert compare.close(got[finite], want[finite], 1e-12, 1e-12), f"{s}: {got} is not {want}"
        checked += 1
    assert all(any(why in text for why in REFUSED) for text in refused), refused
    exists = any(differentiable(s) for s in samples(p, 8, keep=known))
    assert checked > (1 if p in WITH_STRUCTURE else 0) or not exists, f"{p}: {checked} structures compared"
