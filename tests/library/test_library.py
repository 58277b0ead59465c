"""Each function of irad/numpy against NumPy's, over shapes, layouts, dtypes and modes: a covering sample; all of it by
`pytest tests/library --all-variants`."""

import importlib
import inspect
import zlib

import numpy as np
import pytest

import irad
from irad.numpy import MODULES, table
from tests.docs import coverage
from tests.library.agree import (
    DTYPES,
    LAYOUTS,
    MODES,
    NAMES,
    SHAPES,
    check,
    drawn,
    function_of,
    uses_shape,
    variant_of,
    variants_of,
)
from tests.library.cases import CASES

ELSEWHERE = {"real", "imag", "conjugate", "conj", "angle"}  # of complex numbers: tests of their own


def functions():
    """All of them, by what they stand for."""
    return {original: f for name in MODULES for original, f in table(name).items()}


def covering(name, texts):
    """Calls of a function with variants: each call, and of them together each shape, layout, dtype and mode."""
    shaped = [t for t in texts if uses_shape(t)]
    first = zlib.crc32(name.encode())  # which variants a name is given does not depend on the others
    queue, shapes, out = list(texts), 0, []
    while queue or (shaped and shapes < len(SHAPES)) or len(out) < len(LAYOUTS):
        k = len(out)
        text = queue.pop(0) if queue else (shaped or texts)[k % len(shaped or texts)]
        shape = first + shapes
        shapes += uses_shape(text)
        mode = (
            MODES.index("second") if k == first % len(LAYOUTS) else (first // 35 + k) % 2
        )  # second order once: it takes longest
        out.append((text, variant_of(shape, first // 7 + k, mode, k % 5 == 3)))
    return out


def calls(everything):
    """Pairs of a call and a variant, for each text one test."""
    if everything:
        return {t: variants_of(t) for _, _, texts in NAMED for t in texts}
    found = {}
    for group, name, texts in NAMED:
        for text, variant in covering(f"{group}.{name}", texts):
            found.setdefault(text, []).append(variant)
    return found


NAMED = [(group, name, texts) for group, names in CASES.items() for name, texts in names.items()]


def pytest_generate_tests(metafunc):
    if "variants" in metafunc.fixturenames:
        found = calls(metafunc.config.getoption("--all-variants"))
        metafunc.parametrize(("text", "variants"), list(found.items()), ids=list(found))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of means of nothing
def test_calls(text, variants):
    for variant in variants:
        wrong = check(text, variant)
        assert not wrong, wrong


def test_the_sample_covers_each_name():
    """Every pair of a name and a shape, a layout, a mode and a dtype."""
    for group, name, texts in NAMED:
        runs = covering(f"{group}.{name}", texts)
        assert {t for t, _ in runs} == set(texts)
        for values in (LAYOUTS, MODES, DTYPES):
            assert {v % len(values) for _, v in runs} == set(range(len(values)))
        shapes = {v % len(SHAPES) for t, v in runs if uses_shape(t)}
        assert shapes in (set(), set(range(len(SHAPES))))


def test_every_function_has_cases():
    named = {name for names in CASES.values() for name in names}
    assert {f.__name__ for f in functions().values()} <= named


def test_every_name_of_numpy_has_cases():
    """Natively handled ones too; names of one function need cases of one."""
    named = {name for names in CASES.values() for name in names}
    for group in ("numpy", "numpy.linalg", "scipy.linalg", "scipy.special", "scipy.integrate"):
        module = importlib.import_module(group)
        alike = {getattr(module, name) for name in named if hasattr(module, name)}
        rows = [name for names in coverage.names_of(group).values() for name in names]
        missing = {name for name in rows if getattr(module, name) not in alike}
        assert missing <= ELSEWHERE


def test_parameters_are_those_of_numpy():
    """Names, order and defaults of parameters, as far as NumPy says them."""
    for original, f in functions().items():
        try:
            theirs = inspect.signature(original).parameters
        except (TypeError, ValueError):
            continue
        for name, p in inspect.signature(f).parameters.items():
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                continue
            if p.kind is p.KEYWORD_ONLY and any(t.kind is t.VAR_KEYWORD for t in theirs.values()):
                continue
            assert name in theirs, f"{f.__name__}: NumPy has no {name}"
            ours, default = p.default, theirs[name].default
            if default is not np._NoValue and default is not inspect.Parameter.empty:
                assert ours == default, f"{f.__name__}: {name}={ours!r}, in NumPy {default!r}"


NOT_THERE = [
    *("np.polyfit(v, w, 2, full=True)", "np.poly(m[:, :3])", "np.histogram(v, 'auto')"),
    *("np.quantile(v, 0.3, method='inverted_cdf')", "np.clip(v, 0.0, 1.0, min=0.5)", "np.size(m, 1, axis=0)"),
    *("m.reshape(-1, shape=2)", "v.astype(float, casting='no')", "v.copy().fill(1.0, value=2.0)", "m.ravel(order='K')"),
    *("special.factorial(i, exact=True)", "special.polygamma(v[0] + 1.0, v)", "sorted([(v[0], 1.0)])", "np.round(v > 0.0)"),
    *("np.block([[[v, w]]])", "np.reciprocal(i)", "np.hypot.reduce(m, axis=(0, 1))", "np.sum(v, like=v)"),
    *("np.cov(m, fweights=i[:4])", "np.exp(v, casting='no')", "np.broadcast_arrays(v, subok=True)", "np.sort(m, order='x')"),
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_THERE)
def test_options_that_are_not_there(text):
    """They are refused in the user's line."""
    names = sorted(set(NAMES.findall(text)))
    f = function_of(text, names)
    with pytest.raises(irad.CompileError) as caught:
        irad.compile(f)(*[drawn(n, np.random.default_rng(0), (3,), np.float64) for n in names])
    assert caught.value.diagnostic.span.file == f"<{text}>"


def test_what_is_wrong_is_seen(monkeypatch):
    from irad.numpy import joining

    monkeypatch.setattr(joining.stack, "__code__", (lambda arrays, axis=0: np.asarray(arrays[0])[None] * 2.0).__code__)
    assert "wanted float64(2, 5)" in check("np.stack([v, w])", 0)


def test_a_dtype_needs_no_guard():
    """What is read of a dtype does not change: calls go to machine code at once."""
    f = irad.compile(lambda a, b: np.linalg.solve(a, b) if a.dtype.kind == "f" else b)
    for _ in range(3):
        f(np.eye(2), np.ones(2))
    assert f.cache_info().hits == 0  # calls that went through Python
