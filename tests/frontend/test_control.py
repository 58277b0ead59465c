"""Control flow: branches, loops of every kind, ways out of them, and what raises.

PYTEST_DONT_REWRITE: the `assert` statements here are the programs'.
"""

import math

import pytest
from hypothesis import strategies as st

from tests.frontend.agree import FLOATS, INTS, LISTS, agrees, check


@agrees
def test_if_elif_else(x, n):
    if x > 2.0:
        y = x
    elif x < -2.0:
        y = -x * 2.0
    elif n > 2:
        y = x + n
    else:
        y = 0.5
    return y


@agrees
def test_if_without_else(x):
    y = x
    if x < 0.0:
        y = -y
    if y:
        y = y + 1.0
    return y


@agrees
def test_a_variable_is_bound_in_both_branches_first(x, p):
    if p:
        a, b = x, 1.0
    else:
        b, a = x, 2.0
    return a - b


@agrees
def test_a_variable_bound_in_one_branch_only(x, p):
    if p:
        a = x
    return a


@agrees
def test_a_variable_bound_in_a_loop_only(x, n):
    for _ in range(n):
        last = x
        x = x + 1.0
    return last


@agrees
def test_an_unbound_variable_that_nobody_reads(x, p):
    if p:
        a = x
        x = a + 1.0
    return x


@agrees
def test_conditional_expressions(x, y, p):
    return (x if p else y), (x if x > y else y if y > 1.0 else 0.0) + (1.0 if not p else 2.0)


@agrees
def test_the_untaken_branch_does_not_run(n, k):
    return (n // k if k != 0 else n), (k != 0 and n % k == 0)


@agrees
def test_while(x, n):
    while n > 0 and x < 50.0:
        x = x * 2.0 + 1.0
        n -= 1
    return x, n


@agrees
def test_while_true(x, n):
    count = 0
    while True:
        count += 1
        x = x * 0.5
        if abs(x) < 0.25 or count > n:
            break
    return x, count


@agrees
def test_while_else(x, n):
    while n > 0:
        if x > 3.0:
            break
        x += 1.0
        n -= 1
    else:
        x = x - 100.0
    return x


@agrees(a=INTS, b=INTS, c=st.sampled_from([-3, -2, -1, 1, 2, 3]))
def test_range_with_any_step(a, b, c):
    seen = 0
    for i in range(a, b, c):
        seen = seen * 7 + i
    return seen, len(range(a, b, c)), len(range(b))


@agrees(c=INTS)
def test_range_with_step_zero_raises(n, c):
    total = 0
    for i in range(0, n, c):
        total += i
    return total


@agrees(a=INTS, b=INTS)
def test_range_of_constant_steps(a, b):
    down = [0, 0]
    for i in range(a, b, -2):
        down[0] += i
        down[1] += 1
    up = 0
    for i in range(a, b, 3):
        up = up * 5 + i
    return down, up


@agrees
def test_the_loop_variable_keeps_its_last_value(n):
    i = -1
    for i in range(n):
        pass
    return i


@agrees
def test_the_loop_variable_may_be_rebound(x, n):
    for i in range(n):
        i = i * 2
        x = x + i
    return x


@agrees
def test_the_range_is_evaluated_once(x, n):
    for _ in range(n):
        n = n - 2
        x = x + n
    return x, n


@agrees
def test_for_over_tuples_and_lists(x, y):
    total = 0.0
    for a in (x, y, 1.5):
        total = total * 0.5 + a
    for a in [x, 2.0]:
        total = total - a
    for a in ():
        total = total / 0.0 + a
    return total


@agrees
def test_for_over_a_list_argument(xs):
    total = 0.0
    for a in xs:
        total = total * 0.5 + a
    return total


@agrees
def test_for_over_tuples_of_mixed_types(x, n):
    total = 0.0
    for name, value in (("a", x), ("b", n), ("c", True)):
        total = total + (value if name != "b" else 10 * value)
    return total


@agrees
def test_zip(x, xs, n):
    total = 0.0
    for a, b in zip(xs, (x, 2.0, 3.0, 4.0)):
        total += a * b
    for i, a in zip(range(n), xs):
        total += i * a
    for a, b, c in zip(xs, xs[1:], range(1, n)):
        total += a - b * c
    return total


@agrees
def test_strict_zip(x, n):
    total = 0.0
    for i, j in zip(range(n), range(2), strict=True):
        total += x * i + j
    return total


@agrees
def test_enumerate(x, xs, n):
    total = 0.0
    for i, a in enumerate(xs):
        total += i * a
    for i, a in enumerate(xs, start=n):
        total -= i * a
    for i, k in enumerate(range(n), 3):
        total += i - k * x
    for i, (a, b) in enumerate(zip(xs, xs[1:])):
        total += i * a * b
    return total


@agrees
def test_reversed(xs, n):
    total = 0.0
    for a in reversed(xs):
        total = total * 0.5 + a
    for i in reversed(range(1, n, 2)):
        total = total * 0.5 + i
    return total


@agrees
def test_for_else(xs, y):
    for i, a in enumerate(xs):
        if a > y:
            found = i
            break
    else:
        found = -1
    return found


@agrees
def test_nested_loops_with_break_and_else(x, n):
    hits = 0
    for i in range(n):
        for j in range(i):
            if j * x > 3.0:
                break
            hits += 1
        else:
            hits += 10
            continue
        hits += 100
    else:
        hits += 1000
    return hits


@agrees
def test_loops_that_never_reach_their_else(n):
    for i in range(n):
        if i == 0:
            return 1
    else:
        return 2
    return 3


@agrees
def test_continue(xs, n):
    total = 0.0
    for i in range(n):
        if i % 2 == 0:
            continue
        total += i
    while n > 0:
        n -= 1
        if n == 2:
            continue
        total += 0.25
    for a in xs:
        if a < 0.0:
            continue
        total += a
    return total


@agrees
def test_break_in_a_loop_over_known_items(x, y):
    for a in (1.0, y, 3.0):
        if a > x:
            break
        x = x - a
    return x, a


@agrees
def test_dependent_bounds(x, n):
    total = 0.0
    for i in range(n):
        for j in range(i, n - i):
            for k in range(j):
                total = total * 0.5 + x * k - j
    return total


@agrees
def test_a_counter_begins_as_an_int(x, n):
    s = 0
    for i in range(max(n, 1)):
        s += x * i
    return s


@agrees
def test_two_variables_swap_in_a_loop(x, y, n):
    for _ in range(n):
        x, y = y, x * 0.5
    return x, y


@agrees
def test_the_type_changes_in_a_loop_through_three_variables(x, n):
    a = b = c = 0
    for _ in range(n):
        c = b
        b = a
        a = x
    return a + b + c + 0.0


@agrees
def test_pass(x):
    pass
    if x > 0.0:
        pass
    else:
        pass
    for _ in range(3):
        pass
    return x


@agrees(messages=True)
def test_assert(x, n):
    assert n > -3
    assert x < 5.0, "x is large"
    assert n < 5, f"{n} is large, and x is {x > 0.0}"
    return x


@agrees(messages=True)
def test_raise(x, n):
    if n == 0:
        raise ValueError
    if n == 1:
        raise KeyError("key")
    if n == 2:
        raise RuntimeError(f"n is {n}")
    if n == 3:
        raise IndexError(f"{n:03d} {n!r:>4} {{}}")
    if n == 4:
        raise NotImplementedError()
    for i in range(n):
        if i * x > 9.0:
            raise ArithmeticError(f"trip {i} of {n}")
    return x


@pytest.mark.parametrize(
    "text", ["{x}", "{x:.3f}", "{x!r}", "{x:>12.4g}|", "{x:+e}", "{n:5d}|", "{n:x}", "{n:+}", "{n:,}", "{p}", "{x}{n}{p}{{}}"]
)
def test_formats_in_messages(text, tmp_path):
    """Every format gives the text that Python's gives."""
    from tests.frontend.source import module_of

    f = module_of(f'def f(x, n, p):\n    raise ValueError(f"{text}")\n', tmp_path).f
    for x in (0.1, -0.0, 1e22, 12345.678, 1e-7, 3.0, math.inf, math.nan):
        for n, p in ((0, True), (-1234567, False), (2**62, True)):
            check(f, x, n, p, messages=True)


@agrees(messages=True)
def test_an_exception_in_a_callee_and_in_a_lambda(x, n):
    def checked(k):
        if k > 4:
            raise OverflowError("too many")
        return k * x

    f = lambda k: checked(k + 1)
    return sum(f(i) for i in range(abs(n) + 1))


@agrees(messages=True)
def test_unreachable_code_after_a_raise(x):
    if x > -100.0:
        raise ValueError("always")
        x = x + 1.0
    return x


@agrees
def test_short_circuits_guard_their_right_side(x, n, m):
    if n != 0 and m // n > 1:
        x = x + 1.0
    if n == 0 or m % n == 0:
        x = x * 2.0
    return x


@agrees(depth=st.just(3))
def test_many_branches_in_a_loop(x, n, depth):
    for i in range(n):
        if i == 0:
            x = x + 1.0
        elif i == 1:
            if x > 0.0:
                x = x * 0.5
                if x > 1.0:
                    continue
            x = x - depth
        elif i == 3:
            break
        else:
            x = -x
    return x


@agrees(xs=LISTS, y=FLOATS)
def test_early_return_out_of_three_loops(xs, y):
    for a in xs:
        for b in range(3):
            while a > b:
                a = a - 1.25
                if a < y:
                    return a, b
    return y, -1
