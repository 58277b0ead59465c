"""Calls with complex values, by what they show. Variables beside those of `cases.py`: zx, zy, zv, zw and zm are complex arrays
of the shapes of x, y, v, w and m."""

# ruff: noqa: E501
from __future__ import annotations

CASES = {
    "operators": [
        *("zx + zy", "zx - x", "zx * zy", "x * zx", "zx / zy", "zx / x", "1.0 / zx", "x / zx", "-zx", "+zx", "2.0 - zx", "1j * x", "zx * 1j + 2", "zv @ zw", "zm @ v[:4]", "v[:3] @ zm"),
        *("zx ** 2", "zx ** 3", "zx ** 7", "zx ** -1", "zx ** -2", "zx ** 0", "zx ** 0.5", "zx ** 2.5", "zx ** zy", "p ** zx", "2.0 ** zx", "zx ** x", "zx ** 1j", "zx ** 4.0"),
        *("zx == zy", "zx != zx", "zx == x", "zv[0] == zv[0]", "zv[0] != 1.0", "z = zv.copy(); z += v; return z", "z = zv.copy(); z *= zw; return z", "z = zv.copy(); z /= 2.0; return z", "z = zv.copy(); z **= 2; return z", "z = zv[0]; z *= 2j; return z"),
        *("s = 0; for c in zv:\n        s += c * c; return s", "s = 0.0; for j in range(5):\n        s = s * 0.5 + zv[j] * v[j]; return s", "sum(zv)", "1.0 if zv[0] else 2.0", "zv[1] in zv", "[c * 2.0 for c in zv]"),
    ],
    "parts": [
        *("zx.real", "zx.imag", "np.real(zx)", "np.imag(zx)", "np.conj(zx)", "zx.conj()", "zx.conjugate()", "np.angle(zx)", "abs(zx)", "np.abs(zx)", "np.real(x)", "np.imag(x)", "np.conj(x)", "x.real", "np.angle(p)"),
        *("complex(v[0], v[1])", "complex(v[0])", "complex(zv[0])", "complex(v[0], 1.0) * zx", "isinstance(zv[0], complex)", "zm.shape, zm.ndim, zm.size, len(zm)", "zv.dtype == np.complex128"),
        *("z = zv.copy(); z.real[1] = w[0]; return z", "z = zv.copy(); z.imag *= 2.0; return z", "z = zv.copy(); z.real = w; return z", "z = zv.copy(); u = z.imag; u[1:3] = w[:2]; return z * z"),
    ],
    "functions": [
        *("np.exp(zx)", "np.exp2(zx)", "np.expm1(zx)", "np.log(zx)", "np.log2(zx)", "np.log10(zx)", "np.log1p(zx)", "np.sqrt(zx)", "np.square(zx)", "np.reciprocal(zx)", "np.sin(zx)", "np.cos(zx)", "np.tan(zx)", "np.sinh(zx)", "np.cosh(zx)", "np.tanh(zx)"),
        *("np.arcsin(zx)", "np.arccos(zx)", "np.arctan(zx)", "np.arcsinh(zx)", "np.arccosh(zx)", "np.arctanh(zx)", "np.add(zx, x)", "np.subtract(x, zx)", "np.multiply(zx, zy)", "np.divide(zx, zy)", "np.power(zx, 3)", "np.negative(zx)", "np.positive(zx)"),
        *("np.equal(zx, zx)", "np.not_equal(zx, zy)", "np.isnan(zx)", "np.isfinite(zx)", "np.isinf(zx)", "np.any(zx)", "np.all(zx)", "np.count_nonzero(zm, axis=0)", "np.array_equal(zx, zx)", "np.allclose(zx, zx)", "np.round(zx, 1)", "np.nan_to_num(zx)", "np.exp(1j * x) + np.exp(-1j * x)"),
    ],
    "reductions": [
        *("np.sum(zx)", "zm.sum(axis=0)", "np.sum(zm, axis=1, keepdims=True)", "np.mean(zm, axis=0)", "zv.mean()", "np.prod(zx)", "np.prod(zm, axis=0)", "np.prod(zm, axis=-1, keepdims=True)", "np.prod(zm, keepdims=True)", "np.cumsum(zm, axis=1)", "np.cumprod(zm, axis=0)", "zv.cumprod()", "np.trace(zm)"),
        *("np.var(zm, axis=0)", "np.std(zv)", "np.linalg.norm(zv)", "np.linalg.norm(zm)", "np.linalg.norm(zm, axis=1)", "np.linalg.norm(zv, 1)", "np.trapezoid(zv)", "np.diff(zv)", "np.gradient(zv)", "np.interp(0.5, [0.0, 1.0], zv[:2])"),
    ],
    "products": [
        *("np.dot(zm, zv[:4])", "np.vdot(zv, zw)", "np.vdot(zm, zm)", "np.inner(zv, zw)", "np.outer(zv, w)", "np.tensordot(zm, zm, ((1,), (1,)))", "np.kron(zv, zw[:2])", "np.einsum('ij,j->i', zm, zv[:4])", "np.einsum('ij,kj,i->k', zm, zm, zv[:3])", "np.convolve(zv, w)", "np.correlate(zv, zw)", "np.cross(zv[:3], zw[:3])", "np.matmul(zm, zm.T)", "np.linalg.matrix_power(zm[:, :3], 3)"),
    ],
    "arrays": [
        *("np.array([1j, 2.0, v[0]])", "np.array([[zv[0], 1.0], [2.0, 1j]])", "np.array([zv, zw])", "np.array(x, dtype=complex)", "np.asarray(x, dtype=np.complex128) * 1j", "np.asarray(zx)", "x.astype(complex)", "zx.astype(np.complex64)", "zx.astype(complex)", "np.zeros(3, dtype=complex)", "np.zeros((2, 3), np.complex64)", "np.ones(2, dtype=complex)", "np.empty(0, dtype=complex)", "np.full(3, zv[0])", "np.full(3, v[0], dtype=complex)"),
        *("np.zeros_like(zx)", "np.ones_like(zx)", "np.full_like(zx, 2.0)", "np.zeros_like(x, dtype=complex)", "np.zeros_like(zx, dtype=float)", "np.eye(3, dtype=complex)", "np.linspace(0.0, zv[0], 4)", "zx.copy()", "np.copy(zx)"),
        *("zm.reshape(2, 6)", "zm.ravel()", "zm.flatten()", "zm.T", "np.transpose(zm)", "np.conj(zm).T", "zm[1]", "zm[:, 1:3]", "zv[::-1]", "zv[i]", "zv[v > 0.0]", "zm[1, -1]", "zm[:, None, 1]", "np.concatenate([zv, w])", "np.stack([zx, x])", "np.vstack([zv, w])", "np.hstack([zv, w])", "np.column_stack([v, zw])", "np.append(zv, 1.0)", "np.insert(zv, 1, v[0])", "np.delete(zv, 1)", "np.split(zm, 2, axis=1)"),
        *("np.where(v > 0.0, zv, w)", "np.where(v > 0.0, 1j, zv)", "np.where(b, zx, 0.0)", "np.select([v > 0.0], [zv], 1j)", "np.roll(zv, 1)", "np.flip(zm, 0)", "np.rot90(zm)", "np.tile(zv, 2)", "np.repeat(zv, 2)", "np.pad(zv, 1)", "np.take(zv, i)", "np.diag(zv)", "np.diag(zm)", "np.tril(zm)", "np.triu(zm)", "np.moveaxis(zm, 0, 1)", "np.swapaxes(zm, 0, 1)", "np.squeeze(zm[None])", "np.expand_dims(zx, 0)", "np.broadcast_to(zv, (2, 5))", "np.atleast_2d(zx)"),
        *("z = zv.copy(); z[0] = 1j; return z", "z = zv.copy(); z[1:3] = w[:2]; return z", "z = zm.copy(); z[:, 1] = zv[:3]; return z", "z = zm.copy(); z[1] *= 1j; return z", "z = zv.copy(); z[i] = zw[:4]; return z", "z = zv.copy(); u = z[::2]; u *= 2j; return z", "z = zv.copy(); z[1:] = z[:-1]; return z", "z = np.zeros(5, dtype=complex); for j in range(5):\n        z[j] = zv[j] * 1j; return z", "z = zv.copy(); z.fill(v[0]); return z", "z = zm.T; u = z[1].copy(); return u * z[0]"),
    ],
}
