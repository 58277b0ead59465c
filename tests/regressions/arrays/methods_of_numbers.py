"""Methods of NumPy's numbers were refused: x[i].sum() where x has one axis; np.repeat of a number along axis 0."""

import numpy as np


def reduced(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i].sum() * x[i].mean() + np.sin(x[i]).max()
    return total


def shaped(x):
    return np.concatenate([x[0].ravel(), x[1].reshape(-1), (2.0 * x[2]).flatten(), np.repeat(x[0], 2, axis=0)])


def converted(x):
    return x[0].copy() * x[1].astype(np.float32) + x[2].clip(-0.5, 0.5)


CASES = [(f, ([0.5, -1.5, 2.0],)) for f in (reduced, shaped)] + [(converted, ([0.5, -1.5, 0.25],))]
