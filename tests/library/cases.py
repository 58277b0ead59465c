"""The functions of irad/numpy, each with calls that show every parameter. Variables are drawn by name:

x, y    floats of one shape         p   positive floats of it       k, b   integers and truth values of it
v, w    five floats                 m   floats, 3 by 4              i      four integers from 0 to 2
"""

# ruff: noqa: E501
from __future__ import annotations

CASES = {
    "indexing": {
        "index": [
            *("v[i]", "v[[1, -1]]", "v[np.array([2])]", "m[i[:3]]", "m[:, i]", "m[i, i]", "m[1, i]", "m[i, None, 1:3]"),
            *("m[i[:, None], i]", "m[..., i[:2, None]]", "m[-1 - i, 1:]", "v[i + 3]", "v[i[:0]]", "v[[]]"),
        ],
        "mask": [
            *("x[x > 0.0]", "x[b]", "v[v > 9.0]", "m[m[:, 0] > 0.0]", "m[m[:, 0] > 0.0, 1:3]", "m[:, m[0] > 0.0]"),
            *("m[[True, False, True]]", "m[v > 0.0]"),
        ],
        "write": [
            *("z = v.copy(); z[i] = w[:4]; return z", "z = v.copy(); z[i] = w[0]; return z", "z = v.copy(); z[i] += w[:4]; return z"),
            *("z = m.copy(); z[:, i] = m * m; return z", "z = m.copy(); z[i, 1] = w[:4]; return z", "z = m.copy(); z[i] = v[0]; return z"),
            *("z = x.copy(); z[b] = 2.0; return z + x", "z = x.copy(); z[x > 0.0] *= y[x > 0.0]; return z", "z = x.copy(); z[y > x] = y[y > x]; return z"),
            *("z = m.copy(); z[m[:, 0] > 0.0] = m[0]; return z", "z = m.copy(); u = z[1:, ::2]; u[u > 0.0] = v[0]; return z"),
            *("z = m.copy(); z.T[i] = v[:3]; return z", "z = m.copy(); z[i[:, None], [0, 2]] -= v[:2]; return z"),
        ],
        "views": [
            *("z = m.copy(); u = z.reshape(2, 6); u[1, 3] = v[0]; return z", "z = m.copy(); u = z.ravel(); u *= v[0]; return z"),
            *("z = m.copy(); u = z[:, None, 1]; u *= v[0]; return z", "z = m.copy(); u = z[None]; u[0, 1, 1:3] = v[0]; return z"),
            *("z = m.copy(); z.ravel()[3:9:2] = v[0]; return z", "z = m.copy(); z.T[1:3] *= v[0]; return z"),
            *("np.broadcast_to(v, (3, 5))", "u = np.broadcast_to(v, (3, 5)); u[0, 0] = 1.0; return u", "z = v.copy(); u = np.broadcast_to(z, (3, 5)); z[0] = w[0]; return u * u"),
        ],
    },
    "joining": {
        "concatenate": [
            *("np.concatenate([x, y])", "np.concatenate((x, y, x), axis=-1)", "np.concatenate((m, m * m), 1)", "np.concatenate([x, y], axis=None)"),
            *("np.concatenate([v, i])", "np.concatenate([m, v])", "np.concatenate([m, m[:, :0]], axis=1)", "np.concatenate([m, m], axis=2)"),
        ],
        "stack": ["np.stack([x, y])", "np.stack((x, y), axis=-1)", "np.stack([v[0], v[1]])", "np.stack([v, m])"],
    },
    "statistics": {
        "var": ["np.var(x)", "np.var(m, axis=0)", "np.var(m, 1, ddof=1)", "np.var(x, axis=-1, keepdims=True)", "np.var(m, axis=(0, 1))", "np.var(k)"],
        "std": ["np.std(x)", "np.std(m, axis=0, ddof=1)", "np.std(m, 1, keepdims=True)", "m.std(0) + m.var(axis=0)"],
    },
}  # fmt: skip
