"""Products of arrays of any rank, by products of two that are summed over pairs of axes."""
# mypy: ignore-errors

import numpy as np

from irad.numpy.joining import _axis


def outer(a, b):
    return np.ravel(np.copy(a))[:, None] * np.ravel(np.copy(b))


def inner(a, b, /):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(np.asarray(a), np.asarray(b))
    return np.tensordot(a, b, axes=(-1, -1))


def vdot(a, b, /):
    return np.ravel(np.copy(a)) @ np.ravel(np.copy(b))


def tensordot(a, b, axes=2):
    a, b = np.asarray(a), np.asarray(b)
    left, right = _summed(axes, np.ndim(a))
    left, right = tuple([_axis(i, np.ndim(a)) for i in left]), tuple([_axis(i, np.ndim(b)) for i in right])
    if len(left) != len(right):
        raise ValueError("shape-mismatch for sum")
    for i, j in zip(left, right, strict=True):
        if np.shape(a)[i] != np.shape(b)[j]:
            raise ValueError("shape-mismatch for sum")
    return _contracted(a, b, ((), ()), (left, right))


def kron(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    rank = max(np.ndim(a), np.ndim(b))
    sizes = (1,) * (rank - np.ndim(a)) + np.shape(a), (1,) * (rank - np.ndim(b)) + np.shape(b)
    place_a, place_b, shape = (), (), ()
    for m, n in zip(*sizes, strict=True):
        place_a, place_b, shape = (*place_a, m, 1), (*place_b, 1, n), (*shape, m * n)
    return (np.copy(a).reshape(place_a) * np.copy(b).reshape(place_b)).copy().reshape(shape)


def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _in_front(a, axisa), _in_front(b, axisb)
    if a.shape[0] not in (2, 3) or b.shape[0] not in (2, 3):
        raise ValueError("incompatible dimensions for cross product (dimension must be 2 or 3)")
    if a.shape[0] == 3 and b.shape[0] == 3:
        return _crossed(a, b, axisc)
    flat = a[0] * b[1] - a[1] * b[0]
    if a.shape[0] == 2 and b.shape[0] == 2:
        return flat
    if a.shape[0] == 3:
        parts = (-(a[2] * b[1]), a[2] * b[0], flat)
    else:
        parts = (a[1] * b[2], -(a[0] * b[2]), flat)
    return np.stack(parts, _axis(axisc, np.ndim(flat) + 1))


def _crossed(a, b, axis):
    """The product of vectors of three elements that stand along the first axis; its own stand along `axis`."""
    flat = a[0] * b[1] - a[1] * b[0]
    parts = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], flat)
    return np.stack(parts, _axis(axis, np.ndim(flat) + 1))


def _in_front(x, axis):
    """x with an axis first."""
    x = np.asarray(x)
    axis = _axis(axis, np.ndim(x))
    return np.transpose(x, (axis, *[i for i in range(np.ndim(x)) if i != axis]))


def _summed(axes, rank):
    """The axes that tensordot sums over, of both."""
    if isinstance(axes, int):
        return tuple(range(rank - axes, rank)), tuple(range(axes))
    left, right = axes
    return (left,) if isinstance(left, int) else tuple(left), (right,) if isinstance(right, int) else tuple(right)


def _contracted(x, y, both, summed):
    """Products of two arrays summed over pairs of axes; the axes of the result are those of `both`, those of x, those of y.

    Compiled code has an operation for it.
    """
    raise NotImplementedError


def _einsum(arrays, inputs, output):
    """The sum of products over the labels that are not in the output; `inputs` has the labels of each array's axes."""
    if len(arrays) == 1 and len(output) == len(inputs[0]):
        return _ordered(arrays[0], inputs[0], output)
    dtype = np.result_type(*arrays)
    x, labels = _diagonal(arrays[0], inputs[0])
    for k in tuple(range(1, len(arrays))):
        y, others = _diagonal(arrays[k], inputs[k])
        later = output
        for more in inputs[k + 1 :]:
            later = later + more
        x, labels = _without(x, labels, others + later)
        y, others = _without(y, others, labels + later)
        shared = tuple([i for i in labels if i in others])
        for i in shared:  # an axis of size 1 stands for any size
            at, place = labels.index(i), others.index(i)
            (size,) = np.broadcast_shapes((np.shape(x)[at],), (np.shape(y)[place],))
            x = np.broadcast_to(x, (*np.shape(x)[:at], size, *np.shape(x)[at + 1 :]))
            y = np.broadcast_to(y, (*np.shape(y)[:place], size, *np.shape(y)[place + 1 :]))
        both = tuple([i for i in shared if i in later])
        summed = tuple([i for i in shared if i not in later])
        left = tuple([i for i in labels if i not in others])
        right = tuple([i for i in others if i not in labels])
        pairs = (_places(both, labels), _places(both, others))
        x = _contracted(x, y, pairs, (_places(summed, labels), _places(summed, others)))
        labels = both + left + right
    x, labels = _without(x, labels, output)
    x = _ordered(x, labels, output)
    if np.result_type(x) == dtype:
        return x
    return x.astype(dtype) if np.ndim(x) > 0 else np.array([x]).astype(dtype)[0]  # sums of int32 are int64


def _places(wanted, labels):
    return tuple([labels.index(i) for i in wanted])


def _ordered(x, labels, output):
    return np.transpose(x, _places(output, labels)) if len(output) > 1 else x


def _diagonal(x, labels):
    """An array without the axes that repeat a label: the diagonal of those."""
    for two in tuple(range(len(labels)))[::-1]:
        one = labels.index(labels[two])
        if one < two:
            if np.shape(x)[one] != np.shape(x)[two]:
                raise ValueError("dimensions in single operand for collapsing index don't match")
            n = np.arange(np.shape(x)[one])
            rest = tuple([j for j in range(len(labels)) if j not in (one, two)])
            x = np.transpose(x, (one, two, *rest))[n, n]
            x = np.transpose(x, (*range(1, one + 1), 0, *range(one + 1, np.ndim(x))))
            labels = labels[:two] + labels[two + 1 :]
    return x, labels


def _without(x, labels, kept):
    """An array summed over the axes whose labels are not kept."""
    summed = tuple([k for k in range(len(labels)) if labels[k] not in kept])
    if len(summed) == 0:
        return x, labels
    return np.sum(x, axis=summed), tuple([i for i in labels if i in kept])


def vecdot(x1, x2, /):
    if np.ndim(x1) == 0 or np.ndim(x2) == 0:
        raise ValueError("vecdot: an operand does not have enough dimensions")
    return np.sum(np.asarray(x1) * np.asarray(x2), axis=-1)


def matvec(x1, x2, /):
    return np.matmul(x1, np.asarray(x2)[..., None])[..., 0]


def vecmat(x1, x2, /):
    return np.matmul(np.asarray(x1)[..., None, :], x2)[..., 0, :]
