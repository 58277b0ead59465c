"""A function stored as one of several read a variable through another function: the variable may not be rebound after
that, and was. What such a function does not read may be written, and was refused."""


def reads_through(x, n):
    y = 0.5 * x

    def twist():
        return y * y

    mix = lambda t: t  # noqa: E731
    for j in range(n):
        mix = (lambda g1: lambda t: g1(t) * 0.5 + twist())(mix)
    return mix(x)


def dict_of_another(x):
    terms = {"b": x, "k": 0.5}
    mix = lambda t: t * t  # noqa: E731
    for j in range(3):
        mix = (lambda g1, k1: lambda t: g1(t) * k1)(mix, 0.5)

    def twist():
        return terms["k"]

    terms["b"] = 0.5
    return terms["b"] + mix(x) + twist()


CASES = [(reads_through, (1.5, 3)), (dict_of_another, (1.5,))]
