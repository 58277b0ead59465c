"""KeyError while dropping: a recursive function called with two kinds of counter, whose result nobody reads."""


def program(x, n):
    def g(m, y1):
        if m:
            return x
        if y1:
            return g(1, max(y1 for l in range(1)))
        return 0.5

    p = g(0.5, 0.5)
    w = g(n, p)  # nobody reads it
    return 0.5 * x


CASES = [(program, (0.5, 2))]
