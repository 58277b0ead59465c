"""Functions of two arrays for all pairs of shapes up to rank 3 that broadcast: two functions a pair, all of them by
`pytest tests/library --all-variants`."""

import itertools

import numpy as np

import irad

SIZES = (2, 3, 4)  # of the axes, from the left
SHAPES = [
    tuple(1 if one else n for one, n in zip(ones, SIZES[3 - rank :], strict=True))
    for rank in range(4)
    for ones in itertools.product([False, True], repeat=rank)
]
EMPTY = [(0,), (0, 1), (0, 3, 1)]


def fit(s, t):
    try:
        np.broadcast_shapes(s, t)
    except ValueError:
        return False
    return True


PAIRS = [(s, t) for s, t in itertools.product(SHAPES, [*SHAPES, *EMPTY]) if fit(s, t)]
SMOOTH = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x ** y": lambda x, y: x**y,
    "arctan2": lambda x, y: np.arctan2(x, y),
    "hypot": lambda x, y: np.hypot(x, y),
    "logaddexp": lambda x, y: np.logaddexp(x, y),
    "logaddexp2": lambda x, y: np.logaddexp2(x, y),
    "maximum": lambda x, y: np.maximum(x, y),
    "minimum": lambda x, y: np.minimum(x, y),
    "fmax": lambda x, y: np.fmax(x, y),
    "fmin": lambda x, y: np.fmin(x, y),
    "fmod": lambda x, y: np.fmod(x, y),
    "mod": lambda x, y: x % y,
    "copysign": lambda x, y: np.copysign(x, y),
    "float_power": lambda x, y: np.float_power(x, y),
    "where": lambda x, y: np.where(x > y, x * x, y),
    "clip": lambda x, y: np.clip(x, 0.4, y),
}
TESTS = {
    "x < y": lambda x, y: x < y,
    "x == y": lambda x, y: x == y,
    "logical_xor": lambda x, y: np.logical_xor(x > 1.0, y),
    "isclose": lambda x, y: np.isclose(x, y, rtol=0.3),
    "floor_divide": lambda x, y: x // y,
    "heaviside": lambda x, y: np.heaviside(x - y, 0.5),
}


def pytest_generate_tests(metafunc):
    every = metafunc.config.getoption("--all-variants")
    for name, functions, count in (("smooth", SMOOTH, 2), ("test", TESTS, 1)):
        if name in metafunc.fixturenames:
            names = list(functions)
            sample = [(names[(k + 7 * j) % len(names)], pair) for k, pair in enumerate(PAIRS) for j in range(count)]
            cases = [(n, pair) for n in names for pair in PAIRS] if every else sample
            metafunc.parametrize((name, "shapes"), cases, ids=[f"{n} {s} {t}" for n, (s, t) in cases])


def drawn(shapes):
    rng = np.random.default_rng(len(shapes[0]) * 4 + len(shapes[1]))
    return [rng.uniform(0.5, 1.5, shape) * (1.0 if shape else 1.1) for shape in shapes]


def backend(shapes):
    return "llvm" if sum(map(sum, shapes)) % 3 == 0 else "interpreter"


def test_smooth(smooth, shapes):
    """Value, and that forward and reverse mode give one derivative, which is that of differences."""
    f = SMOOTH[smooth]
    x, y, dx, dy = drawn(shapes + shapes)
    want = f(x, y)
    w = np.cos(np.arange(np.size(want))).reshape(np.shape(want)) + 0.5

    def both(x, y, dx, dy, w):
        value, tangent = irad.jvp(f, (x, y), (dx, dy))
        return value, np.sum(tangent * w), irad.grad(lambda x, y: np.sum(f(x, y) * w), argnums=(0, 1))(x, y)

    value, forward, (gx, gy) = irad.compile(both, backend=backend(shapes))(x, y, dx, dy, w)
    np.testing.assert_allclose(value, want, rtol=1e-14)
    assert (np.shape(gx), np.shape(gy)) == shapes
    np.testing.assert_allclose(np.sum(gx * dx) + np.sum(gy * dy), forward, rtol=1e-11, atol=1e-13)
    h = 1e-4
    slopes = [np.sum((f(x + k * h * dx, y + k * h * dy) - f(x - k * h * dx, y - k * h * dy)) * w) / (2 * k * h) for k in (1, 2)]
    np.testing.assert_allclose(forward, (4 * slopes[0] - slopes[1]) / 3, rtol=1e-6, atol=1e-8)


def test_tests(test, shapes):
    f = TESTS[test]
    x, y = drawn(shapes)
    got, want = irad.compile(f, backend=backend(shapes))(x, y), f(x, y)
    np.testing.assert_array_equal(got, want)
    assert np.asarray(got).dtype == np.asarray(want).dtype
