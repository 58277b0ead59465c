"""InternalError, interpreter hessian: the size of an array that only another branch makes was asked for.

Shrunk from `python -m tests.fuzz --only 900071`.
"""

import numpy as np


def program(x, n):
    if n in (6,):

        def g(a):
            n2 = n
            buf1 = np.full(n2, x)
            v = buf1 @ buf1
            return (v, 0.5)

        v, a = g(0.5)
        return v
    return 1


CASES = [(program, (0.5, 5)), (program, (0.5, 6))]
