"""InternalError, llvm grad of grad of grad: the cotangent of an item of a stack, of which a part is zero: an array whose size
is known at run time only.

Shrunk from `python -m tests.fuzz --only 710000`.
"""

import numpy as np


def program(y):
    ramp = np.linspace(0.5, 0.5, 2)
    trace = np.array([y])
    k = 1
    while k < 5:
        trace[:k] = 0.5 * trace
        k += 1
    last = np.max(trace)
    mixed = [0.5, 0.5, "x", last]
    return np.dot(np.sin(mixed[::3]), ramp)


CASES = [(program, (0.5,))]
ORDER = 3
