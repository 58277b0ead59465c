"""The tables of docs/coverage.md: each name of NumPy's, SciPy's and math's that compiled code may call, with what it takes.

    python -m tests.docs.coverage numpy "array methods" ...

What a function takes and leaves out is read from the registry and from the signatures of NumPy; only what no signature says is
written here: the kinds, the kind of derivative, and the options of functions that are no Python functions here.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

import numpy as np

from irad.numpy import written
from irad.specialize.arrays import attributes, ufuncs
from irad.specialize.arrays import table as arrays
from irad.specialize.library import table as library

__all__ = ["GROUPS", "handled", "method_names", "names_of", "table"]

GROUPS: dict[str, tuple[str, dict[str, str]]] = {
    "numpy": (
        "numpy",
        {
            "arithmetic": (
                "add subtract multiply divide true_divide floor_divide remainder mod fmod divmod power pow "
                "float_power negative positive absolute abs fabs sign square reciprocal hypot gcd lcm"
            ),
            "exponentials, angles and hyperbolic functions": (
                "sqrt cbrt exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 sin cos tan arcsin arccos arctan "
                "arctan2 asin acos atan atan2 sinh cosh tanh arcsinh arccosh arctanh asinh acosh atanh sinc deg2rad "
                "rad2deg degrees radians i0"
            ),
            "rounding, signs, special values": (
                "floor ceil trunc fix rint round around copysign signbit heaviside modf nan_to_num unwrap isnan isinf "
                "isfinite isposinf isneginf"
            ),
            "comparisons, bits, truth": (
                "equal not_equal less less_equal greater greater_equal maximum minimum fmax fmin clip where select "
                "choose piecewise isclose allclose array_equal array_equiv isin logical_and logical_or logical_xor "
                "logical_not bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_invert invert left_shift "
                "right_shift bitwise_left_shift bitwise_right_shift"
            ),
            "reductions": (
                "sum prod mean max min amax amin any all var std ptp argmax argmin count_nonzero average median "
                "quantile percentile cov corrcoef"
            ),
            "reductions without nan": (
                "nansum nanprod nanmean nanvar nanstd nanmax nanmin nanargmax nanargmin nanmedian nanquantile "
                "nanpercentile nancumsum nancumprod"
            ),
            "running sums, differences, sequences": (
                "cumsum cumprod cumulative_sum cumulative_prod diff ediff1d gradient trapezoid interp convolve correlate"
            ),
            "making arrays": (
                "array asarray asanyarray ascontiguousarray copy zeros ones full empty zeros_like ones_like full_like "
                "empty_like arange linspace logspace geomspace eye identity tri diag diagflat meshgrid indices ix_ "
                "fromfunction vander bartlett blackman hamming hanning kaiser"
            ),
            "shape and axes": (
                "shape ndim size reshape ravel transpose permute_dims matrix_transpose swapaxes moveaxis rollaxis "
                "squeeze expand_dims broadcast_to broadcast_arrays broadcast_shapes atleast_1d atleast_2d atleast_3d "
                "flip flipud fliplr rot90 result_type promote_types issubdtype can_cast"
            ),
            "joined, split, repeated": (
                "concatenate concat stack vstack hstack dstack column_stack block unstack split array_split hsplit "
                "vsplit dsplit tile repeat roll pad append insert delete resize"
            ),
            "elements by position": (
                "take take_along_axis compress extract nonzero flatnonzero argwhere diagonal trace tril triu "
                "tril_indices triu_indices tril_indices_from triu_indices_from diag_indices diag_indices_from "
                "unravel_index ravel_multi_index put put_along_axis putmask place copyto fill_diagonal"
            ),
            "sorted": (
                "sort argsort partition argpartition lexsort searchsorted digitize bincount histogram histogram_bin_edges"
            ),
            "products": ("dot matmul vdot inner outer tensordot einsum kron cross vecdot matvec vecmat"),
            "polynomials": ("polyval polyfit polyadd polysub polymul polyder polyint poly"),
            "functions of functions": "apply_along_axis apply_over_axes",
            "complex numbers": "real imag conjugate conj angle",
        },
    ),
    "numpy.fft": ("numpy.fft", {}),
    "numpy.linalg": ("numpy.linalg", {}),
    "scipy.linalg": ("scipy.linalg", {}),
    "scipy.special": ("scipy.special", {}),
    "scipy.integrate": ("scipy.integrate", {}),
    "math": ("math", {}),
}

# What has no derivative: results that are no floats, or are the same all around a point.
NONE = frozenset(
    (
        "floor_divide floor ceil trunc fix rint sign signbit heaviside round around gcd lcm isnan isinf isfinite "
        "isposinf isneginf equal not_equal less less_equal greater greater_equal isclose allclose array_equal "
        "array_equiv isin logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor "
        "bitwise_not bitwise_invert invert left_shift right_shift bitwise_left_shift bitwise_right_shift any all "
        "argmax argmin count_nonzero nanargmax nanargmin zeros ones empty zeros_like ones_like empty_like eye "
        "identity tri indices fromfunction shape ndim size broadcast_shapes result_type promote_types issubdtype "
        "can_cast nonzero flatnonzero argwhere tril_indices triu_indices tril_indices_from triu_indices_from "
        "diag_indices diag_indices_from unravel_index ravel_multi_index argsort argpartition lexsort searchsorted "
        "digitize bartlett blackman hamming hanning ix_ matrix_rank hilbert factorial perm comb isqrt arange"
    ).split()
)
# Whose derivative has jumps; where they are is in the table of kinks.
PIECEWISE = frozenset(
    (
        "remainder mod fmod divmod absolute abs fabs copysign modf nan_to_num unwrap maximum minimum fmax fmin clip "
        "where select choose piecewise max min amax amin ptp median quantile percentile nanmax nanmin nanmedian "
        "nanquantile nanpercentile interp sort partition huber remainder histogram "
    ).split()
)

# The options of functions that are handled one by one.
OPTIONS = {
    **dict.fromkeys(("sum", "prod"), "axis dtype out keepdims initial where"),
    **dict.fromkeys(("max", "min", "amax", "amin"), "axis out keepdims initial where"),
    **dict.fromkeys(("any", "all"), "axis out keepdims where"),
    "mean": "axis dtype out keepdims where",
    **dict.fromkeys(("zeros", "ones", "empty"), "shape dtype"),
    "full": "shape fill_value dtype",
    **dict.fromkeys(("zeros_like", "ones_like", "empty_like"), "a dtype"),
    "full_like": "a fill_value dtype",
    "array": "dtype copy",
    "asarray": "dtype",
    "arange": "start stop step dtype",
    "clip": "a_min a_max min max out",
    "reshape": "shape",
    "transpose": "axes",
    "broadcast_to": "shape",
    "diagonal": "offset axis1 axis2",
    "dot": "out",
    "einsum": "out optimize",
}


def handled(module: Any) -> set[str]:
    """The names in a module that compiled code may call."""

    def has(value: Any) -> bool:
        try:
            return value in library.HANDLERS or value in arrays.HANDLERS or written(value) is not None
        except TypeError:
            return False

    return {name for name in dir(module) if not name.startswith("_") and has(getattr(module, name))}


def names_of(group: str) -> dict[str, list[str]]:
    """The names in a group, by kind, as far as this NumPy has them."""
    module = importlib.import_module(GROUPS[group][0])
    kinds = {kind: names.split() for kind, names in GROUPS[group][1].items()} or {"": sorted(handled(module))}
    return {kind: [n for n in names if hasattr(module, n)] for kind, names in kinds.items()}


def method_names() -> list[str]:
    return sorted(attributes.names())


def _parameters(f: Any) -> list[str] | None:
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return None
    return [p.name for p in found if p.kind is not p.POSITIONAL_ONLY and p.kind is not p.VAR_POSITIONAL]


def taken(name: str, value: Any) -> list[str]:
    """The parameters that a function takes, beyond those that are positional only."""
    if isinstance(value, np.ufunc):
        if value.nout != 1:
            return []
        numbers = any(not t.endswith("?") for t in value.types)
        return ["out", "where", "dtype"] if numbers else ["out", "where"]
    found = [] if written(value) is None else (_parameters(written(value)) or [])[1:]
    found = OPTIONS[name].split() if name in OPTIONS and written(value) is None else found
    return [*found, "out"] if "out" not in found and ufuncs.place_of_out(value) is not None else found


def left_out(name: str, value: Any) -> list[str]:
    """The options that NumPy has and compiled code refuses; those that only say how memory lies do not count."""
    if isinstance(value, np.ufunc):
        return []
    ours, theirs = taken(name, value), _parameters(value) or []
    if not ours and written(value) is None:
        return []
    known = {"subok", "like", "device", "kwargs", "args", "overwrite_input", "interpolation", "order", "kind"}
    first = theirs[:1]
    return [p for p in theirs if p not in ours and p not in known and p not in first]


def derivative(name: str) -> str:
    return "none" if name in NONE else "piecewise" if name in PIECEWISE else "smooth"


def table(group: str) -> list[str]:
    """The rows of a group's table."""
    if group == "array methods":
        return [f"`{' '.join(method_names())}`"]
    module = importlib.import_module(GROUPS[group][0])
    out: list[str] = []
    for kind, names in names_of(group).items():
        out += [f"### {kind}", ""] if kind else []
        out += ["| name | takes | derivative | refused |", "|---|---|---|---|"]
        for name in names:
            value = getattr(module, name)
            takes, refuses = taken(name, value), left_out(name, value)
            cells = [f"`{name}`", _code(takes), derivative(name), _code(refuses)]
            out.append("| " + " | ".join(cells) + " |")
        out.append("")
    return out


def _code(words: list[str]) -> str:
    return f"`{' '.join(words)}`" if words else ""


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print("\n".join(table(argument)))
