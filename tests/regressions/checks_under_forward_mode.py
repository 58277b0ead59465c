"""Forward mode refused checks whose message shows an active value."""


def asserts(x):
    assert x > 0.0, f"bad {x}"
    return x * x


def raises(x):
    if x < 0.0:
        raise ValueError(f"bad {x}")
    return x * x


CASES = [(asserts, (1.5,)), (raises, (1.5,))]
