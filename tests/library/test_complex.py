"""Complex values against NumPy's: values, dtypes and derivatives, over shapes, layouts, dtypes and modes."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irad
from tests.library.agree import VARIANTS, check, difference, variants_of
from tests.library.complex_cases import CASES


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of means of nothing
@pytest.mark.parametrize("text", [text for texts in CASES.values() for text in texts])
def test_calls(text, request):
    every = request.config.getoption("--all-variants")
    for variant in variants_of(text) if every else [zlib.crc32(text.encode()) % VARIANTS]:
        wrong = check(text, variant)
        assert not wrong, wrong


VALUES = st.sampled_from(["zv", "zw", "v", "w", "zv[::-1]", "1j", "0.5", "zw[1]", "v[2]", "(2.0 - 0.5j)"])
EXPRESSIONS = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} / (3.0 + abs({t[1]})))"),
        st.tuples(st.sampled_from(["np.conj", "np.real", "np.imag"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(st.sampled_from(["np.exp", "np.sin", "np.cosh", "np.tanh"]), inner).map(
            lambda t: f"{t[0]}({t[1]} / (1.0 + abs({t[1]})))"
        ),
        inner.map(lambda x: f"np.fft.fft({x} + np.zeros(5)) * 0.2"),
        inner.map(lambda x: f"np.where(v > 0.0, {x}, 1j)"),
        inner.map(lambda x: f"({x} ** 2)"),
    ),
    max_leaves=6,
)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(EXPRESSIONS, st.integers(0, VARIANTS // 2 - 1))
def test_programs(expression, variant):
    """Random expressions of complex and real numbers and arrays."""
    text = f"s = {expression} + 0.0 * zv; z = s.copy(); z[1:] += s[:-1] * 1j; z.imag[0] *= 2.0; return z * zw[0]"
    wrong = check(text, 2 * variant, modes=("forward",))  # in double precision
    assert not wrong, wrong


@pytest.mark.parametrize("backend", ["llvm", "interpreter", "source"])
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_transforms_of_all_sizes(backend, dtype):
    rng = np.random.default_rng(5)
    forward = irad.compile(lambda z: np.fft.fft(z), backend=backend)
    there_and_back = irad.compile(lambda x: np.fft.irfft(np.fft.rfft(x), x.size), backend=backend)
    tolerance = 1e-12 if dtype == np.complex128 else 1e-5
    for n in (*range(1, 41), 97, 1024) if backend == "llvm" else (1, 2, 7, 30, 97):
        z = (rng.standard_normal(n) + 1j * rng.standard_normal(n)).astype(dtype)
        want = np.fft.fft(z)
        got = forward(z)
        assert got.dtype == dtype
        assert np.max(np.abs(got - want)) <= tolerance * np.max(np.abs(want))
        assert np.max(np.abs(there_and_back(z.real) - z.real)) <= tolerance * np.max(np.abs(z.real))


CUTS = [complex(x, y) for x in (-2.0, -0.5, -0.0, 0.0, 0.5, 2.0) for y in (-0.0, 0.0, 1.5, -1.5)]


@pytest.mark.parametrize(
    "name", "sqrt log log2 log10 arcsin arccos arctan arcsinh arccosh arctanh exp tan tanh sin cosh".split()
)
def test_branch_cuts(name):
    """On a cut the sign of a zero decides, as in NumPy."""
    f = getattr(np, name)
    z = np.array([c for c in CUTS if np.all(np.isfinite(_quiet(f, c)))])
    got, want = irad.compile(lambda z: f(z))(z), f(z)
    assert np.all(np.abs(got - want) <= 4e-15 * np.maximum(np.abs(want), 1.0)), (z, got, want)


def _quiet(f, z):
    with np.errstate(all="ignore"):
        return f(z)


def test_sizes_do_not_overflow():
    """abs and division of numbers whose squares are no floats."""
    z = np.array([3e200 + 4e200j, 3e-200 - 4e-200j, 1e300 + 1e-300j])
    assert np.allclose(irad.compile(lambda z: abs(z))(z), np.abs(z), rtol=1e-15)
    assert np.allclose(irad.compile(lambda z: (1.0 + 1j) / z)(z), (1.0 + 1j) / z, rtol=1e-15, atol=0.0)


def burgers(u, viscosity, steps):
    """The energy of a flow after some steps, with derivatives in space by Fourier's transform."""
    k = 1j * np.fft.rfftfreq(u.size, 1.0 / u.size)
    for _ in range(steps):
        spectrum = np.fft.rfft(u)
        slope = np.fft.irfft(k * spectrum, u.size)
        bend = np.fft.irfft(k * k * spectrum, u.size)
        u = u + 0.005 * (viscosity * bend - u * slope)
    return np.sum(u * u)


def schroedinger(potential, psi, steps):
    """The mean place of a wave packet: half a step of the potential, a step of the motion, half a step of the potential."""
    x = np.linspace(-4.0, 4.0, psi.size)
    kick = np.exp(-0.5j * 0.05 * potential)
    drift = np.exp(-0.5j * 0.05 * np.fft.fftfreq(psi.size, 8.0 / psi.size / (2.0 * np.pi)) ** 2)
    for _ in range(steps):
        psi = kick * np.fft.ifft(drift * np.fft.fft(kick * psi))
    density = np.abs(psi) ** 2
    return np.sum(x * density) / np.sum(density)


def programs():
    x = np.linspace(-4.0, 4.0, 32)
    yield burgers, (np.sin(x) + 0.3 * np.cos(2.0 * x), 0.1, 20)
    yield schroedinger, (0.5 * (x - 0.7) ** 2, np.exp(-((x + 1.0) ** 2) + 0.5j * x), 12)


@pytest.mark.parametrize("backend", ["llvm", "source"])
@pytest.mark.parametrize(("f", "args"), list(programs()), ids=["burgers", "schroedinger"])
def test_simulations(f, args, backend):
    """Simulations by Fourier's transform: values, and derivatives of every mode through all steps."""
    first, *rest = args
    assert np.isclose(irad.compile(f, backend=backend)(*args), f(*args), rtol=1e-12)
    direction = np.random.default_rng(3).standard_normal(first.size)
    gradient = irad.compile(irad.grad(f), backend=backend)(*args)
    slope = difference(f, list(args), (0,), [direction])
    assert np.isclose(gradient @ direction, slope, rtol=1e-7)
    along = irad.jvp(lambda a: f(a, *rest), (first,), (direction,))[1]
    assert np.isclose(gradient @ direction, along, rtol=1e-11)
    curve = irad.hvp(lambda a: f(a, *rest))(first, direction)
    bent = difference(lambda a: irad.grad(lambda b: f(b, *rest))(a) @ direction, [first], (0,), [direction])
    assert np.isclose(curve @ direction, bent, rtol=1e-6)


def test_a_complex_argument_is_followed_downhill():
    """The gradient in z is the direction of steepest ascent: df = Re(conj(g) dz)."""
    target = np.array([1.0 + 2.0j, -0.5j])

    def f(z):
        return np.sum(np.abs(z * z - target) ** 2)

    z = np.array([0.7 + 0.9j, 0.4 - 0.6j])
    g, dz = irad.grad(f)(z), np.array([0.3 - 0.1j, -0.2 + 0.4j])
    assert np.isclose(np.sum(np.conj(g) * dz).real, difference(f, [z], (0,), [dz]), rtol=1e-9)
    for _ in range(200):
        z = z - 0.05 * irad.grad(f)(z)
    assert np.allclose(z * z, target, atol=1e-6)


def test_written_arguments_and_captures():
    w = 2.0 - 1.0j

    def f(z, x):
        z *= w
        z.imag[0] = x
        return z.sum()

    z, other = np.array([1j, 2.0]), np.array([1j, 2.0])
    compiled = irad.compile(f)
    assert compiled(z, 3.0) == f(other, 3.0)
    assert np.array_equal(z, other)
    w = 1j
    assert compiled(z, 1.0) == f(other, 1.0)
    assert np.array_equal(z, other)


def test_rows_of_a_batch():
    z = np.array([[1j, 2.0], [3.0, 4.0 - 1j]])
    assert np.allclose(irad.vmap(lambda r: r @ np.conj(r))(z), np.sum(z * np.conj(z), axis=1))
    assert np.allclose(irad.vmap(irad.grad(lambda r: np.sum(np.abs(r) ** 2)))(z), 2.0 * z)


def test_text_is_read_back():
    """A program with complex arguments and results, printed and parsed, runs alike."""
    z = np.array([1j, 2.0 - 1j])
    program = irad.ir(lambda z, w: (z * w, w), z, 2j)
    again = irad.compile(irad.parse_ir(str(program)))(z, 2j)
    assert np.array_equal(again[0], z * 2j)
    assert again[1] == 2j
    assert "%z: c128[2], %w: complex" in str(program)
