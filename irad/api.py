"""irad's public functions: `compile`, the transforms, and the views of a program."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from irad.compiled import CacheInfo, Compiled, Options, Transform, checked_options, core_of, function_of
from irad.errors import public, refuse
from irad.graph.nodes import Module
from irad.graph.parse import Limits, parse_module
from irad.lock import LOCK
from irad.pickling import reduced
from irad.primitives import REGISTRY
from irad.primitives.python import PYTHON
from irad.specialize import derivatives, library
from irad.specialize.axes import axes_of
from irad.specialize.jacobian import ORDERS, ORDERS_HELP
from irad.verify import InvalidModule, verify
from irad.views import IR, view

__all__ = [
    "compile",
    "grad",
    "hessian",
    "hvp",
    "ir",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "parse_ir",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]


@public
def compile(
    f: Any = None,
    *,
    signature: str | None = None,
    backend: str = "llvm",
    static_argnums: int | Sequence[int] = (),
    fast_math: bool = False,
    debug_nans: bool = False,
    trace: Callable[[str], Any] | None = None,
    threads: int | None = None,
    preaccumulate: bool | None = None,
) -> Any:
    """A compiled function: native code for each combination of argument types it is called with.

    Sizes of arrays that are others in a later call are compiled as symbols then, for all further sizes.
    f: a function (or a transformed one), or a module from `parse_ir`; without it, a decorator is returned.
    signature: "f64[n,3], int -> f64[n]" compiles ahead of the first call, for every n; calls with other sizes raise
    ValueError. backend: "llvm", "interpreter" or "source" (Python).
    static_argnums: arguments that are compiled in. fast_math: reassociate and contract primal values too.
    debug_nans: raise FloatingPointError at the first operation that gives nan, with its line, in derivatives too.
    trace: a function that the interpreter calls with a line of text for each operation that runs: trace=print.
    threads: how many may share loops over large arrays; the environment's IRAD_THREADS, else as many as there are cores.
    Results are the same, bit for bit, for any number of them.
    preaccumulate: whether loops that are differentiated in reverse mode store the Jacobians of their trips in the place of
    other values; without it, where that costs less. Derivatives may differ in their last bits.

    Calls raise CompileError where irad does not accept the function, and what the function raises. The result has
    `cache_info()` and `clear()`, and binds as a method.
    """
    if f is None:
        return functools.partial(
            compile,
            signature=signature,
            backend=backend,
            static_argnums=static_argnums,
            fast_math=fast_math,
            debug_nans=debug_nans,
            trace=trace,
            threads=threads,
            preaccumulate=preaccumulate,
        )
    options = checked_options(backend, static_argnums, fast_math, debug_nans, trace, threads, preaccumulate)
    if not callable(f) and not isinstance(f, Module):
        raise refuse(
            "not-callable",
            f"compile takes a function, not {_named(f)}",
            help="write compile(f), and call the result: compile(f)(x)",
        )
    return compiled_with(f, options, signature)


def _named(value: Any) -> str:
    return f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"


def compiled_with(f: Any, options: Options, signature: str | None = None) -> Any:
    """`compile` with options that were checked."""
    core = core_of(f)
    compiled = Compiled(core.fn if core is not None else f, options)
    native = compiled.native
    function = function_of(compiled.fn)
    if function is not None:
        functools.update_wrapper(native, function)
    if isinstance(compiled.fn, Transform):
        native.__name__ = f"{compiled.fn.kind}({getattr(function, '__name__', 'f')})"
    _methods()
    if signature is not None:
        compiled.ahead(signature)
    return native


@functools.cache
def _methods() -> None:
    """Give the type of compiled functions its methods, once."""
    from irad.backends.llvm.native import native_type

    def cache_info(self: Any) -> CacheInfo:
        """How often calls found a program, how often one was compiled, and how many there are."""
        return self._irad.cache_info()  # type: ignore[no-any-return]

    def clear(self: Any) -> None:
        """Forget all programs of this function."""
        self._irad.clear()

    def show(self: Any) -> str:
        return f"<irad function {getattr(self, '__name__', '?')}>"

    def reduce(self: Any) -> Any:
        return reduced(self)

    def copy(self: Any, memo: Any = None) -> Any:
        return self  # as functions do

    methods = {"__repr__": show, "__reduce__": reduce, "__copy__": copy, "__deepcopy__": copy}
    for name, method in {"cache_info": cache_info, "clear": clear, **methods}.items():
        setattr(native_type(), name, method)


# -- transforms ---------------------------------------------------------------------------------------------------------


def _transformed(kind: str, f: Any, **options: Any) -> Any:
    inner, told = _checked(kind, f, options.get("argnums", 0))
    return compiled_with(Transform(kind, inner, tuple(sorted(options.items()))), told)


def _checked(kind: str, f: Any, argnums: Any) -> tuple[Any, Options]:
    """What a transform is taken of, and the options that it was compiled with."""
    if not callable(f):
        raise refuse(
            "not-callable",
            f"{kind} takes a function, not {_named(f)}",
            help=f"write {kind}(f), and call the result: {kind}(f)(x)",
        )
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if isinstance(argnums, list) or not numbers or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
        raise refuse(
            "argnums",
            f"argnums is {argnums!r}: an integer or a tuple of integers is needed",
            help="arguments count from 0: argnums=1 is the second, argnums=(0, 1) both",
        )
    core = core_of(f)
    return (f, Options()) if core is None else (core.fn, core.options)


def _sparse(kind: str, f: Any, argnums: Any, order: Any) -> Any:
    """A sparse derivative; its libraries are loaded now."""
    from irad.sparse import SparseDerivative

    if order not in ("auto", "forward", "reverse"):
        raise refuse(
            "unknown-order",
            f"no order of a sparse Jacobian is {order!r}",
            help='use "forward" (columns together), "reverse" (rows together) or "auto" (whichever are fewer)',
        )
    inner, told = _checked(kind, f, argnums)
    return SparseDerivative(kind, inner, argnums, order, told)


@public
def grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Any:
    """The gradient of f in the arguments `argnums`, by reverse mode.

    f returns a float (with has_aux, a pair of a float and anything). The gradient has the structure of the argument, a
    tuple of them for a tuple of argnums; integers and static values in it have the derivative None. With has_aux the
    result is (gradient, aux). Raises CompileError for an argument without floats and for other results of f.
    """
    return _transformed("grad", f, argnums=argnums, has_aux=has_aux)


@public
def value_and_grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Any:
    """(f(...), its gradient): see `grad`. With has_aux the value is f's pair."""
    return _transformed("value_and_grad", f, argnums=argnums, has_aux=has_aux)


@public
def jacobian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    order: str | Sequence[str] = "auto",
    sparse: bool = False,
) -> Any:
    """The Jacobian of f: the output's structure, with the argument's structure in each number's place.

    An output of shape (m,) has in an argument of shape (n,) a derivative of shape (m, n), in the output's dtype. order:
    "forward" computes a column for each number of the argument, "reverse" a row for each of the output. Straight-line code
    with few inputs and outputs may be differentiated in any order in which its operations are eliminated: "auto" takes the
    cheapest that is found, "markowitz" the cheapest operation at each step, a list names the vertices of
    `irad.elimination.region(f, *args)`. Of other functions "auto" and "markowitz" take forward or reverse, by what is
    smaller, and a list is refused. Raises CompileError for another order, and for an argument without floats.

    sparse=True gives SciPy's CSR arrays of the shape (numbers of the output, numbers of the argument) in the place of each
    matrix. Which entries they have is derived from the program, its sizes, integers and truth values, and holds for all floats:
    an entry that happens to be zero is stored. They are computed together where they do not meet, column by column (order
    "forward") or row by row ("reverse"). `.pattern(*args)` shows where the entries are.
    """
    if sparse:
        return _sparse("jacobian", f, argnums, order)
    return _transformed("jacobian", f, argnums=argnums, order=_checked_order(order))


def _checked_order(order: Any) -> str | tuple[str, ...]:
    """An order of elimination by its name, or the names of vertices."""
    if isinstance(order, str) and order in ORDERS:
        return order
    if isinstance(order, (list, tuple)) and all(isinstance(name, str) for name in order):
        return tuple(order)
    raise refuse("unknown-order", f"no order of a Jacobian is {order!r}", help=ORDERS_HELP)


@public
def jacfwd(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Any:
    """The Jacobian of f by forward mode: the output's structure, with the argument's structure in each number's place."""
    return _transformed("jacfwd", f, argnums=argnums)


@public
def jacrev(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Any:
    """The Jacobian of f by reverse mode: the output's structure, with the argument's structure in each number's place."""
    return _transformed("jacrev", f, argnums=argnums)


@public
def hessian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    order: str | Sequence[str] = "auto",
    sparse: bool = False,
) -> Any:
    """The Hessian of f, which returns a float: the Jacobian of its gradient, by elimination, or forward over reverse mode.

    Of a small matrix half is computed, so that it is symmetric to the last bit. order: as for `jacobian`; a list names vertices
    of `irad.elimination.region(irad.grad(f), *args)`. sparse=True gives SciPy's CSR arrays, as for `jacobian`, which are
    symmetric, too, in the order "auto": products with few vectors show all entries.
    """
    if sparse:
        if order != "auto":
            raise refuse("unknown-order", "a sparse Hessian in an order", help="leave out the order: rows are columns")
        return _sparse("hessian", f, argnums, "auto")
    return _transformed("hessian", f, argnums=argnums, order=_checked_order(order))


@public
def hvp(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Any:
    """Hessian-vector products: hvp(f)(*args, v), where v has the structure of the argument (a tuple for several)."""
    return _transformed("hvp", f, argnums=argnums)


@public
def vjp(f: Callable[..., Any], *primals: Any) -> Any:
    """(f(*primals), pullback): pullback(ct) is the tuple of the primals' cotangents for a cotangent of the output.

    The cotangents of integers and static values are None. Outside compiled code each pullback computes f again.
    """
    told = _told(f)
    out = _compiled(_value, told)(f, primals)
    return out, functools.partial(_compiled(_pullback, told), f, primals)


@public
def jvp(f: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """(f(*primals), the tangent of the output for tangents of the primals)."""
    return _compiled(_push_forward, _told(f))(f, tuple(primals), tuple(tangents))


@public
def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Any:
    """f for each row of its arguments: vmap(f)(xs) is np.stack([f(x) for x in xs]), compiled.

    in_axes: the axis of each positional argument that is mapped over: an integer for all, None for what is the same in each
    trip, a tuple with an entry for each argument, and in it the structure of the argument where its parts differ. Arguments
    given by name are mapped over their first axes. f sees arrays without that axis: numbers, of one-dimensional arrays.
    out_axes: where the batch stands in the results, in the same way; None returns what is the same in each trip once.

    f is any function: loops, branches, prints, other transforms; it must not change its arguments. A batch of size 0 gives
    empty results. Raises CompileError for axes that do not fit, and where sizes differ (ValueError where these are known at
    run time only).
    """
    return _transformed("vmap", f, in_axes=axes_of(in_axes, "in_axes"), out_axes=axes_of(out_axes, "out_axes"))


def stop_gradient(x: Any) -> Any:
    """x, which derivatives take for a constant."""
    return x


for _kind, _maker in derivatives.MAKERS.items():
    library.HANDLERS[globals()[_kind]] = _maker
library.HANDLERS[compile] = lambda s, args, kwargs: args[0]


def _value(f: Any, primals: Any) -> Any:
    return f(*primals)


def _pullback(f: Any, primals: Any, ct: Any) -> Any:
    _, back = vjp(f, *primals)
    return back(ct)


def _push_forward(f: Any, primals: Any, tangents: Any) -> Any:
    return jvp(f, primals, tangents)


def _told(f: Any) -> Options:
    """The options that f was compiled with, as they hold for what calls it."""
    core = core_of(f)
    return replace(core.options, static_argnums=()) if core is not None else Options()


@functools.cache
def _compiled(function: Callable[..., Any], options: Options) -> Any:
    return compiled_with(function, options)


# -- views --------------------------------------------------------------------------------------------------------------


@public
def ir(f: Any, *args: Any, stage: str = "optimized", **kwargs: Any) -> IR:
    """The IR of f for these arguments at a stage.

    The stages are "python", "typed", "linearized" (of straight-line code: its vertices and partials), "adjoint", "optimized",
    "lowered", "source", "llvm", "asm", and "cuda": the array operations that fuse, and the loops whose trips do not meet (as
    those of `vmap`), as CUDA C, which no backend runs yet.
    `str()` is the text, `.operations` counts operations by primitive, `.residuals` lists what loops store.
    """
    core = core_of(f)
    with LOCK:
        return view(core if core is not None else Compiled(f, Options()), args, kwargs, stage)


@public
def parse_ir(
    text: str, *, file: str = "<ir>", max_length: int = 10_000_000, max_depth: int = 1_000, max_nodes: int = 200_000
) -> Module:
    """The module that IR text describes; `compile` runs it.

    file: what diagnostics call the text. max_length: characters, max_depth: graphs in each other, max_nodes: statements.

    Raises CompileError with the text's line where it is not IR, where an operation does not fit its arguments, and where a
    limit is exceeded. Nothing in the text is evaluated or imported.
    """
    if not isinstance(text, str):
        raise refuse(
            "wrong-arguments",
            f"parse_ir takes text, not {_named(text)}",
            help="read the file first",
        )
    with LOCK:
        parsed = parse_module(text, {**REGISTRY, **PYTHON}, file=file, limits=Limits(max_length, max_depth, max_nodes))
        try:
            return verify(parsed.module)
        except InvalidModule as e:
            raise parsed.refusal("ir-invalid", str(e), e.about) from None
