"""Which interval or value each element belongs to, and how many belong to each."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.running import _flat


def digitize(x, bins, right=False):
    bins = np.asarray(bins)
    if bins.ndim != 1:
        raise ValueError("object of too small depth for desired array")
    steps = np.diff(bins)
    side = "left" if right else "right"
    if np.all(steps >= 0):
        return np.searchsorted(bins, x, side)
    if not np.all(steps <= 0):
        raise ValueError("bins must be monotonically increasing or decreasing")
    return len(bins) - np.searchsorted(bins[::-1], x, "right" if right else "left")


def bincount(x, /, weights=None, minlength=0):
    x = np.asarray(x)
    if x.ndim != 1:
        raise ValueError("object too deep for desired array")
    if x.dtype.kind not in "iu":
        raise TypeError("Cannot cast array data to dtype('int64') according to the rule 'safe'")
    if minlength < 0:
        raise ValueError("'minlength' must not be negative")
    n = minlength
    for k in range(len(x)):
        if x[k] < 0:
            raise ValueError("'list' argument must have no negative elements")
        n = max(n, int(x[k]) + 1)
    if weights is None:
        out = np.zeros(n, int)
        for k in range(len(x)):
            out[x[k]] += 1
        return out
    weights = np.asarray(weights)
    if len(weights) != len(x):
        raise ValueError("The weights and list don't have the same length.")
    out = np.zeros(n)
    for k in range(len(x)):
        out[x[k]] += weights[k]
    return out


def histogram_bin_edges(a, bins=10, range=None):
    if isinstance(bins, str):
        raise NotImplementedError("this rule for the number of bins is not there", "write a number of bins, or their edges")
    if np.ndim(bins) == 1:
        return np.asarray(bins)
    a = np.asarray(a)
    low, high = _ends(a, range)
    return np.linspace(low, high, bins + 1, dtype=a.dtype if a.dtype.kind == "f" else float)


def histogram(a, bins=10, range=None, density=None, weights=None):
    flat = _flat(a)
    edges = np.histogram_bin_edges(flat, bins, range)
    if np.any(np.diff(edges) < 0):
        raise ValueError("`bins` must increase monotonically, when an array")
    n = len(edges) - 1
    counts = np.zeros(n, int if weights is None else np.result_type(weights))
    weights = None if weights is None else _flat(weights)
    for k in np.arange(len(flat)):
        v = flat[k]
        if v >= edges[0] and v <= edges[-1]:
            place = min(np.searchsorted(edges, v, "right") - 1, n - 1)
            counts[place] += 1 if weights is None else weights[k]
    if density:
        return counts / np.diff(edges) / np.sum(counts), edges
    return counts, edges


def _ends(a, range):
    """The least and the greatest value that are counted."""
    if range is not None:
        low, high = range[0], range[1]
        if low > high:
            raise ValueError("max must be larger than min in range parameter.")
    elif a.size == 0:
        low, high = 0.0, 1.0
    else:
        low, high = np.min(a), np.max(a)
    low, high = low * 1.0, high * 1.0
    return np.where(low == high, low - 0.5, low), np.where(low == high, high + 0.5, high)


def isin(element, test_elements, assume_unique=False, invert=False):
    element, tests = np.asarray(element), _flat(test_elements)
    found = np.any(element[..., None] == tests, axis=-1) if np.ndim(element) > 0 else np.any(tests == element)
    return np.logical_not(found) if invert else found
