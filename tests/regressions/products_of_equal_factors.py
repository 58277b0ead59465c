"""Wrong second derivative, llvm hessian: 3e-22, not 0.0: a rounding error of fused multiply-adds, which is no difference.

Shrunk from `python -m tests.fuzz --only 343`.
"""


def program(arr):
    cur, next0 = (0.5, arr)
    return (0.49 * next0).prod()


CASES = [(program, ([0.5, 0.5, 0.5],))]
