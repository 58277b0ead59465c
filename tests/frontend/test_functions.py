"""Functions: definitions inside definitions, closures, parameters of every kind, and calls of every kind."""

from functools import partial

from hypothesis import strategies as st

from tests.frontend.agree import FLOATS, INTS, agrees

SCALE = 3.0
TABLE = (1.0, 2.5, -4.0)


def outer_scale(x):
    return SCALE * x


def with_defaults(a, b=2.0, *, c=0.5, d):
    return a * b - c * d


def variadic(first, *rest, last=1.0):
    total = first
    for r in rest:
        total = total * 2.0 + r
    return total - last * len(rest)


def by_keywords(**given):
    return given["a"] - given["b"]


def positional_only(a, b, /, c):
    return (a - b) * c


@agrees
def test_nested_def(x, y):
    def inner(a, b):
        return a * b - a

    return inner(x, y) + inner(y, x)


@agrees
def test_lambda(x, y):
    return (lambda a, b: a - 2.0 * b)(x, y)


@agrees
def test_lambda_with_a_default_and_a_star(x, n):
    f = lambda a, k=n, *more: (a, k, more)
    return f(x), f(x, 2), f(x, 2, 3.0, x)


@agrees
def test_closure_over_locals(x, n):
    scale = x * 2.0

    def f(a):
        return scale * a + n

    return f(1.0) + f(x)


@agrees
def test_closure_over_globals(x):
    def f(a):
        return SCALE * a + TABLE[1]

    return f(x) + outer_scale(x)


@agrees
def test_closures_three_deep(x, y):
    def a(u):
        def b(v):
            def c(w):
                return u + v * w + x

            return c

        return b

    return a(x)(y)(2.0)


@agrees
def test_a_closure_is_returned_and_kept_in_a_tuple(x, y):
    def multiplier(k):
        return lambda a: k * a

    pair = (multiplier(x), multiplier(y))
    return pair[0](y), pair[1](2.0), pair[-1](pair[0](1.0))


@agrees
def test_functions_are_arguments(x, n):
    def twice(f, a):
        return f(f(a))

    return twice(lambda a: a * a - 1.0, x), twice(outer_scale, x), twice(abs, x)


@agrees
def test_nonlocal(x, n):
    total = 0.0

    def add(v):
        nonlocal total
        total = total + v
        return total

    for _ in range(n):
        add(x)
    add(1.0)
    return total


@agrees
def test_nonlocal_of_an_outer_outer_function(x, y):
    count = 0

    def a(v):
        def b(w):
            nonlocal count
            count += 1
            return w * 2.0

        return b(v) + b(v + 1.0)

    return a(x) + a(y), count


@agrees
def test_late_binding(x, n):
    fs = []
    for i in range(3):
        fs.append(lambda a: a * i + n)
    return fs[0](x), fs[1](x), fs[2](x)


@agrees
def test_early_binding_by_default(x):
    fs = []
    for i in range(3):
        fs.append(lambda a, i=i: a * i)
    return fs[0](x), fs[1](x), fs[2](x)


@agrees
def test_a_capture_sees_a_later_binding(x, p):
    def f(a):
        return a + late

    late = 1.0
    first = f(x)
    late = 2.0 if p else x
    return first, f(x)


@agrees
def test_a_function_is_redefined_in_a_loop(x, n):
    def f(a):
        return a

    for i in range(n):

        def f(a, g=f, i=i):
            return a * 0.5 + i

        x = f(x)
    return f(x)


@agrees
def test_a_function_is_defined_in_one_of_two_branches(x, p):
    if p:

        def f(a):
            return a * a
    else:

        def f(a):
            return a - 1.0

    return f(x)


@agrees
def test_a_helper_that_makes_two_loops_unroll(x, y):
    """What a loop tried before it was unrolled is not taken for a call in progress by the next loop."""

    def pick(xs, i):
        return xs[i]

    total = 0.0
    for i in range(2):
        part = pick((x, (y, 2.0)), i)
        total += part if i == 0 else part[0]
    for i in range(2):
        part = pick((x, (y, 2.0)), i)
        total -= part * y if i == 0 else part[1]
    return total


@agrees
def test_recursion(x, n):
    def power(a, k):
        return 1.0 if k <= 0 else a * power(a, k - 1)

    return power(x, n)


@agrees
def test_mutual_recursion_with_a_captured_variable(x, n):
    def even(k, a):
        return a if k <= 0 else odd(k - 1, a * x)

    def odd(k, a):
        return -a if k <= 0 else even(k - 1, a + 1.0)

    return even(n, 1.0)


@agrees
def test_defaults_and_keyword_only(x, y):
    return (
        with_defaults(x, d=y),
        with_defaults(x, y, d=1.0, c=x),
        with_defaults(b=x, a=y, d=2.0),
        with_defaults(x, b=y, **{"d": x}),
    )


@agrees
def test_defaults_are_evaluated_at_the_definition(x, y):
    z = x

    def f(a, b=z * 2.0):
        return a - b

    z = y
    return f(z), z


@agrees
def test_star_args(x, y):
    rest = (x, y, 1.0)
    return variadic(x), variadic(x, y), variadic(*rest), variadic(x, *rest, last=y), variadic(*rest, *rest[1:], 2.0)


@agrees
def test_star_of_a_list_and_of_a_range(x, y):
    values = [x, y, 2.0]
    return variadic(*values), max(*values), variadic(x, *[i * 1.0 for i in range(3)])


@agrees
def test_keyword_dictionaries(x, y):
    options = {"b": x, "a": y}
    return by_keywords(**options), by_keywords(a=x, b=y), with_defaults(x, **{"c": y, "d": x}), dict(options, a=x)


@agrees
def test_star_args_are_handed_on(x, y):
    def wrap(f):
        def g(*args, **kwargs):
            return f(*args, **kwargs) * 2.0

        return g

    return wrap(with_defaults)(x, y, d=1.0), wrap(variadic)(x, y, y, last=0.0)


@agrees
def test_positional_only(x, y):
    return positional_only(x, y, 2.0), positional_only(x, y, c=x)


@agrees
def test_a_decorator_inside(x):
    def doubled(f):
        return lambda a: 2.0 * f(a)

    @doubled
    @doubled
    def g(a):
        return a + 1.0

    return g(x)


@agrees
def test_partials_inside(x, y):
    f = partial(with_defaults, x, d=y)
    g = partial(f, c=2.0)
    return f(), f(y), g(1.0), g(y, d=3.0)


@agrees
def test_a_fold_written_out_over_functions(x):
    fs = (lambda a: a + 1.0, lambda a: a * a, outer_scale)
    for f in fs:
        x = f(x)
    return x


@agrees
def test_compose_n_times(x, n):
    def compose(f, g):
        return lambda a: f(g(a))

    h = outer_scale
    for _ in range(3):
        h = compose(h, lambda a: a * 0.5 + n)
    return h(x)


@agrees
def test_a_function_chosen_at_run_time(x, y, p):
    f = (lambda a: a * y) if p else (lambda a: a + x)
    g = f
    return f(x) - g(y)


@agrees(d=FLOATS, da=FLOATS, ct_x=FLOATS, stack=FLOATS, add=FLOATS)
def test_hygiene_of_names(d, da, ct_x, stack, add):
    """Users' names are those that irad makes up itself."""
    irad_ = d * da
    cond, loop, i_1 = ct_x, stack, irad_

    def f(d):
        return d * cond + loop

    def f_1(d):
        return f(d) - i_1

    return f(d) + f_1(da) + add


@agrees(values=st.tuples(FLOATS, INTS))
def test_return_anywhere(values):
    x, n = values
    if n == 0:
        return x
    for i in range(n):
        if x > 3.0:
            return x - i
        while x < -3.0:
            x += 1.5
            if x > -3.5:
                return x * 2.0
        x = x * 1.25 + 0.25
    return x + 100.0


@agrees
def test_no_return_gives_none(x):
    x = x + 1.0


@agrees
def test_a_bare_return_gives_none(x, p):
    def f(a):
        if a > 0.0:
            return
        a = a + 1.0

    return f(x) is None, x


@agrees
def test_tuples_of_results(x, n):
    return (x, (n, x > 0.0), [x, n], {"a": x, "b": (n,)})
