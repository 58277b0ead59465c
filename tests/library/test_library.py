"""Each function of irad/numpy against NumPy's, over shapes, layouts, dtypes and modes: a covering sample; all of it by
`pytest tests/library --all-variants`."""

import inspect
import zlib

import numpy as np
import pytest

import irad
from irad.numpy import MODULES, table
from tests.library.agree import LAYOUTS, SHAPES, check
from tests.library.cases import CASES


def functions():
    """All of them, by what they stand for."""
    return {original: f for name in MODULES for original, f in table(name).items()}


CALLS = [(group, name, text) for group, names in CASES.items() for name, texts in names.items() for text in texts]
VARIANTS = 3  # of a call, in a sample


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of means of nothing
@pytest.mark.parametrize("text", [t for _, _, t in CALLS])
def test_calls(text, request):
    first = zlib.crc32(text.encode()) % 210  # which variants a call is given does not depend on the others
    count = len(SHAPES) * len(LAYOUTS) * 3 if request.config.getoption("--all-variants") else VARIANTS
    own = any(f" {n} " in f" {text} ".replace("(", " ").replace(",", " ").replace("[", " ").replace(".", " ") for n in "xypkb")
    for variant in range(first, first + (count if own else max(count // 3, 1))):
        wrong = check(text, variant)
        assert not wrong, wrong


def test_every_function_has_cases():
    named = {name for names in CASES.values() for name in names}
    assert {f.__name__ for f in functions().values()} <= named


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
