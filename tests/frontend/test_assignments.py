"""Assignment of every kind, literals, comprehensions, items and attributes."""

import numpy as np
from hypothesis import strategies as st

from tests.frontend.agree import FLOATS, LISTS, agrees


@agrees
def test_augmented(x, y, n, m):
    x += y
    x -= 2.0
    x *= y
    x /= 4.0
    n += m
    n -= 1
    n *= m
    n <<= 2
    n >>= 1
    n |= 3
    n &= 29
    n ^= m
    return x, n


@agrees(k=st.integers(1, 5))
def test_augmented_division(x, n, k):
    n //= k
    x **= 2
    n **= k
    n %= 7
    x //= 1.5
    x %= k
    return x, n


@agrees
def test_annotated(x):
    y: float = x + 1.0
    z: "float"
    z = y * 2.0
    w: int = 3
    return y, z, w


@agrees
def test_chained(x, y):
    a = b = c = x * y
    a = (d := a + 1.0)
    (e, f) = g = (b, c)
    return a, d, e, f, g


@agrees
def test_starred(x, y):
    a, *b = (x, y, 1.0, 2.0)
    *c, d = [x, y]
    e, *f, g = (1.0, x)
    (h, *i), [j, (k,)] = (x, y, x), [1.0, (y,)]
    return a, b, c, d, e, f, g, h, i, j, k


@agrees
def test_unpacking_from_calls_ranges_and_lists(x, xs):
    a, b, c = xs
    i, j, k = range(3)
    (p, q), r = divmod(7, 3), xs[1]
    m, n = [v * x for v in (1.0, 2.0)]
    return a, b, c, i, j, k, p, q, r, m, n


@agrees
def test_the_right_side_is_evaluated_first(x, y):
    x, y = y, x
    a = [x, y]
    i = 0
    i, a[i] = 1, 5.0
    a[0], a[1] = a[1], a[0]
    return x, y, a


@agrees
def test_walrus(x, n):
    if (y := x * 2.0) > 3.0:
        y = y - 1.0
    while (n := n - 1) > 0:
        y += 0.5
    squares = [last := v * v for v in (1.0, x)]
    return y, n, squares, last, (z := y) + z


@agrees
def test_tuple_list_and_dict_literals(x, y, n):
    t = (x, *[y, 1.0], *(n, x))
    v = [*t, 2, *range(2)]
    d = {"a": x, "b": (y, n), 3: t[0]}
    return t, v, d["a"], d["b"][1], d[3], len(t) + len(v) + len(d)


@agrees
def test_comprehensions(x, xs, n):
    a = [v * x for v in xs]
    b = [i * j for i in range(3) for j in range(i)]
    c = [v for v in (1.0, 2.0, 3.0) if v != 2.0]
    d = {k: x * i for i, k in enumerate(("u", "v"))}
    e = [[i + j for j in range(2)] for i in range(2)]
    return a, b, c, d, e, tuple(v + n for v in a)


@agrees
def test_comprehensions_of_run_time_length(x, n, xs):
    a = [i * x for i in range(n)]
    b = [v for v in xs if v > x]
    c = [i for i in range(n) if i % 2 == 0]
    d = [i * 10 + j for i in range(n) for j in range(i) if j != 1]
    return a, b, c, d, len(a), len(b) + len(d)


@agrees
def test_a_comprehension_has_its_own_variables(x):
    i = 7
    a = [i * x for i in range(3)]
    return i, a


@agrees
def test_generator_arguments(x, xs, n):
    return (
        sum(v * v for v in xs),
        min(v - x for v in xs),
        max(abs(v) for v in xs),
        any(v > x for v in xs),
        all(v < 5.0 for v in xs),
        sum(i * i for i in range(n)),
        sum((v for v in xs), x),
        any(i == 3 for i in range(n)),
    )


@agrees
def test_append_in_a_loop(x, n):
    values = []
    for i in range(n):
        values.append(x * i)
        if i > 2:
            values.append(-1.0)
    values.append(x)
    total = 0.0
    for v in values:
        total += v
    return total, len(values), values[-1], values[0], values


@agrees
def test_append_and_pop_as_a_stack(x, n):
    stack = [x]
    for i in range(n):
        stack.append(stack[-1] + i)
    total = 0.0
    while stack:
        total = total * 0.5 + stack.pop()
    return total


@agrees
def test_list_methods(x, y):
    a = [x, y]
    a.extend((1.0, 2.0))
    a.insert(1, 9.0)
    b = a.copy()
    b.reverse()
    last = a.pop()
    second = a.pop(1)
    a += [last, second]
    c = a + [0.5] * 2
    a.clear()
    return a, b, c, (1, 2, 3).index(2)


@agrees
def test_slices_of_tuples_and_lists(x, y):
    t = (x, y, 1.0, 2.0)
    v = [x, y, 3.0]
    return t[1:], t[:-1], t[::2], t[::-1], t[-2:], v[1:], v[::-1], v[:0], t[1:3][0]


@agrees
def test_items_of_a_list(x, y):
    v = [x, y, 0.0]
    v[2] = x * 2.0
    v[-1] += 1.0
    w = v
    w[0] *= 2.0
    return v, w, v[0]


@agrees(i=st.integers(-5, 5))
def test_an_item_at_a_run_time_index(xs, i, x):
    a = (1.5, x, 2.5)
    if -3 <= i < 3:
        x = xs[i] - a[i]
        xs[i] = x * 2.0
        xs[i] += 1.0
    return x, xs


@agrees(i=st.integers(-5, 5))
def test_an_index_out_of_range_raises(xs, i):
    return xs[i]


@agrees(i=st.integers(-5, 5))
def test_a_write_out_of_range_raises(xs, i, x):
    xs[i] = x
    return xs


@agrees
def test_aliases_of_a_list(x, y):
    a = [x, y]
    b = a
    c = (a, [1.0])
    b[0] = 5.0
    c[0].append(7.0)
    a = [0.0]
    return a, b, c


@agrees
def test_a_list_in_a_list_in_a_dict(x, n):
    d = {"rows": [[x, 1.0], [2.0, x]], "n": n}
    row = d["rows"][1]
    row[0] = -x
    d["n"] = d["n"] + 1
    d["new"] = row[0] * 2.0
    return d, "new" in d, "old" in d, d.get("old", 3.0), d.get("n")


@agrees
def test_dict_methods(x, y):
    d = {"a": x, "b": y}
    total = 0.0
    for k in d:
        total = total * 2.0 + d[k]
    for k, v in d.items():
        total += v if k == "a" else -v
    e = dict(d)
    e["a"] = 0.0
    return total, tuple(d.values()), len(d), d == {"b": y, "a": x}, e


@agrees
def test_a_missing_key_raises(x, p):
    d = {"a": x}
    if p:
        return d["b"]
    return d["a"]


@agrees
def test_del_of_a_name(x, p):
    y = x
    del x
    if p:
        del y
    return y


@agrees
def test_a_deleted_name_may_be_bound_again(x):
    y = x
    del y
    y = 2.0
    return y


@agrees
def test_imports_inside(x):
    import math
    import math as m
    from math import cos
    from math import sin as sine

    return sine(x) + cos(x) + m.exp(0.0) - math.pi


@agrees
def test_writes_of_an_array_made_inside(x, n):
    a = np.zeros(4)
    a[0] = x
    a[1] += 2.0
    a[-1] = a[0] * a[1]
    b = np.zeros((2, 3))
    b[1, 2] = x
    b[1, 2] += 1.0
    b[0] = x
    b[:, 1] -= 2.0
    for i in range(3):
        b[1, i] += i * x
    return a[0], a[3], b[1, 2], b[0, 1], a.sum() + b.sum()


@agrees(xs=LISTS, y=FLOATS)
def test_arguments_are_changed_as_python_changes_them(xs, y):
    xs[0] = y
    xs[1] += y
    ys = xs
    ys[2] = ys[0] * 2.0


@agrees
def test_accumulators_begin_as_ints(xs):
    s = 0
    p = 1
    largest = 0
    for v in xs:
        s += v
        p *= v
        largest = max(largest, v * 1.0)
    return s, p
