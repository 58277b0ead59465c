"""StopIteration: a derivative inside, whose result nobody reads or only one branch reads."""

import irad


def pair(x):
    d, q = irad.value_and_grad(lambda t: t * x)(x)
    return x * x


def single(x):
    q = irad.grad(lambda t: t * x)(x)  # nobody reads it
    return x * x


def branch(x):
    return x * x if x > 0.0 else irad.grad(lambda t: t * x)(x)


CASES = [(pair, (0.5,)), (single, (0.5,)), (branch, (0.5,))]
