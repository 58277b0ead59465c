"""Compiled functions: what is called, for which types it was specialized, and when that still holds.

A call goes to machine code that checks the arguments' types and the guards (see backends/llvm/stub). What does not fit
comes to `Compiled.slow`: it finds the program for these arguments, or makes it, and gives its stub to the function.
Programs are shared by all functions of the same code, captures' types and options: a fresh lambda compiles nothing.
"""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from irad import log
from irad.errors import CompileError, Note, SizesDiffer, nearest, public, refuse
from irad.frontend import lower
from irad.generality import Family, check_result, check_sizes, check_symbols, erased, fits, is_general
from irad.graph.nodes import Apply, Module
from irad.graph.normal import normal_form
from irad.graph.parse import parse_signature
from irad.graph.text import print_graph
from irad.graph.walk import all_graphs
from irad.guards import Guards, Kind
from irad.internal import ours, too_deep
from irad.lock import LOCK
from irad.optimize.contracts import with_contracts
from irad.pipeline import Hook, native, optimize
from irad.primitives import REGISTRY
from irad.primitives.python import refuse_python_stage
from irad.primitives.structure import same_bits
from irad.specialize import derivatives
from irad.specialize.entry import Entry, specialize, type_of
from irad.structures import Identity, Keys, check_apart, flatten, resolve, write_back
from irad.types import Array, Scalar, Static, Struct, Type

__all__ = ["BACKENDS", "CacheInfo", "Compiled", "Options", "Transform", "core_of", "unwrap"]

BACKENDS = ("llvm", "interpreter", "source")
MAX_PROGRAMS = 1024
TITLES = {
    "grad": "The gradient of",
    "value_and_grad": "The value and gradient of",
    "jacfwd": "The Jacobian of",
    "jacobian": "The Jacobian of",
    "jacrev": "The Jacobian of",
    "hessian": "The Hessian of",
    "hvp": "The Hessian-vector product of",
    "vmap": "The batched form of",
}


class CacheInfo(NamedTuple):
    """programs: specializations of this function; hits and misses count the calls that came to the slow path."""

    hits: int
    misses: int
    programs: int


@dataclass(frozen=True, slots=True)
class Options:
    """What `compile` was told."""

    backend: str = "llvm"
    static_argnums: tuple[int, ...] = ()
    fast_math: bool = False
    debug_nans: bool = False
    trace: Callable[[str], Any] | None = None
    threads: int | None = None
    preaccumulate: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """A derivative of a function: `kind` is the name of the transform."""

    kind: str
    fn: Any
    options: tuple[tuple[str, Any], ...]


@dataclass(slots=True)
class Program:
    """A specialization, ready to run, with what it took for constant."""

    entry: Entry
    call: Callable[[Sequence[Any]], Any]
    stub: Any  # bound to no function yet; None where machine code cannot take a call apart
    module: Module
    guards: Guards
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)  # that it took to specialise, to optimise, to make code
    passes: dict[str, float] = field(default_factory=dict)  # seconds of each
    reason: str = ""  # why it was made

    @property
    def general(self) -> bool:
        """Whether it serves arguments of other sizes, too."""
        return is_general([p.type for p in self.entry.module.entry.params])


_programs: OrderedDict[Any, list[Program]] = OrderedDict()
_families: OrderedDict[Any, Family] = OrderedDict()


def core_of(value: Any) -> Compiled | None:
    """The Compiled behind what `compile` and `grad` return."""
    return getattr(value, "_irad", None) if type(value).__name__ == "NativeFunction" else None


class PythonOnly:
    """Base of derivatives that have no meaning in compiled code."""


def unwrap(s: Any, value: Any, path: Any) -> Any:
    """The abstract value of a compiled or transformed function met in compiled code; None for anything else."""
    if isinstance(value, PythonOnly):
        raise derivatives.refuse_sparse(s)
    core = core_of(value)
    if core is not None:
        return s.from_python(core.fn, (*path, ("core",)) if path is not None else None)
    if isinstance(value, Transform):
        inner = s.from_python(value.fn, (*path, ("fn",)) if path is not None else None)
        return derivatives.transform(value.kind, inner, **dict(value.options))
    return None


def function_of(fn: Any) -> FunctionType | None:
    """The Python function that a callable is made from, for its name and parameters."""
    while True:
        core = core_of(fn)
        if core is not None:
            fn = core.fn
        elif isinstance(fn, Transform):
            fn = fn.fn
        elif isinstance(fn, functools.partial):
            fn = fn.func
        elif hasattr(fn, "__func__"):
            fn = fn.__func__
        else:
            return fn if isinstance(fn, FunctionType) else None


def _key(fn: Any, keys: Keys) -> Any:
    """What a callable is specialized for, apart from its arguments."""
    core = core_of(fn)
    if core is not None:
        return _key(core.fn, keys)
    if isinstance(fn, Module):
        return Identity(fn)
    if isinstance(fn, Transform):
        return (fn.kind, _key(fn.fn, keys), fn.options)
    return keys.of(fn)


class Compiled:
    """The state behind one compiled function; `native` is what the user holds. `own`: a module that irad made, whose
    operations keep their promises."""

    def __init__(self, fn: Any, options: Options, *, own: bool = False) -> None:
        from irad.backends.llvm.native import new_native

        self.fn, self.options, self.own = fn, options, own
        self.function = function_of(fn)
        self.programs: dict[Any, Program] = {}
        self.stubs: dict[Any, tuple[Program, Any]] = {}  # with what calls try, bound to this function; the last first
        self.hits = self.misses = 0
        self.compiles, self.cleared = 0, False  # for the log, as is what was compiled last: (key, types, keywords)
        self.last: tuple[Any, Sequence[Type], Sequence[str]] | None = None
        self.families: set[Any] = set()
        self.signature: str | None = None
        self.taken: list[Type] = []  # the types of the signature's arguments
        self.native = new_native(self.slow)
        self.native._irad = self

    # -- calling -------------------------------------------------------------------------------------------------------

    @public
    def slow(self, *args: Any, **kwargs: Any) -> Any:
        """A call that the machine code at hand does not fit."""
        program, types = self.program(args, kwargs)
        try:
            return self._run(program, types, args, kwargs)
        except SizesDiffer as e:
            program, types = self.program(args, kwargs, exact=str(e))
            return self._run(program, types, args, kwargs)

    def _run(self, program: Program, types: Sequence[Type], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        leaves: list[Any] = []
        given = (*args, *kwargs.values())
        for v, t in zip(given, types, strict=True):
            flatten(v, t, leaves)
        for h, p in program.guards.hidden:
            flatten(resolve(h.path, self.fn, given), p.type, leaves)
        if not program.entry.writes:
            return program.call(leaves)
        written = [resolve(path, None, given) for path in program.entry.writes]
        check_apart(written, given)
        result, changed = program.call(leaves)
        if any(isinstance(target, np.ndarray) and not target.flags.writeable for target in written):
            raise ValueError("assignment destination is read-only")  # before any is written to
        for target, new in zip(written, changed, strict=True):
            write_back(target, new)
        return result

    def program(self, args: Sequence[Any], kwargs: dict[str, Any], *, exact: str = "") -> tuple[Program, list[Type]]:
        """The program for these arguments, and the arguments' types. `exact`: why it must be one for their exact sizes."""
        with LOCK:
            try:
                types = [self._type(i, v) for i, v in enumerate(args)] + [type_of(v) for v in kwargs.values()]
            except RecursionError as e:
                raise too_deep(e) from None
            keywords, given = tuple(kwargs), (*args, *kwargs.values())
            if self.signature is not None:
                names = self.parameter_names()
                places = {
                    **dict(zip(names, range(len(args)), strict=False)),
                    **{k: len(args) + i for i, k in enumerate(keywords)},
                }
                check_sizes((t, types[places[n]], n) for t, n in zip(self.taken, names, strict=False) if n in places)
            kind = self.kind(given, types)
            family = self._family(kind, types, keywords)
            usable = [tuple(types), *([] if exact else [g for g in reversed(family.general) if fits(g, types)])]
            changed = ""
            for taken in usable:
                key = kind.key(taken, keywords, self.options)
                for p in (*([self.programs[key]] if key in self.programs else []), *_programs.get(key, ())):
                    what = p.guards.changed(self.fn, given, kind.parts)
                    if not what:
                        self.hits += 1
                        self._adopt(key, p, kind, again=key in self.programs)
                        return p, types
                    changed = changed or what
            self.misses += 1
            return self._made_for(kind, family, types, usable[1:], keywords, changed, exact), types

    def kind(self, given: Sequence[Any], types: Sequence[Type]) -> Kind:
        """What it is specialised for in a call with these arguments, beside their types."""
        return Kind(self.fn, given, types, _key)

    def _family(self, kind: Kind, types: Sequence[Type], keywords: Sequence[str]) -> Family:
        """What is known of calls that differ in sizes only, of all functions of the same code."""
        key = kind.key(erased(types), keywords, self.options)
        found = _families.setdefault(key, Family())
        _families.move_to_end(key)
        if len(_families) > MAX_PROGRAMS:
            _families.popitem(last=False)
        self.families.add(key)
        return found

    def _made_for(
        self,
        kind: Kind,
        family: Family,
        types: list[Type],
        general: Sequence[tuple[Type, ...]],
        keywords: Sequence[str],
        changed: str,
        exact: str,
    ) -> Program:
        """A new program for a call: one for symbolic sizes if there was one that served it, or if sizes changed and it can be
        made; else for the exact sizes."""
        if isinstance(self.fn, Module) or exact:
            attempts: list[tuple[Type, ...]] = []
        else:
            attempts = list(general[:1] or family.candidates(types))
        for taken in attempts:
            try:
                made = self._made(kind, taken, types, keywords, changed)
            except CompileError as e:
                family.refuse(taken, e.diagnostic.message)
                continue
            family.general = [*(g for g in family.general if g != taken), taken]
            family.called(types)
            return made
        refused = exact or "; ".join(dict.fromkeys(family.refused.values()))
        made = self._made(kind, tuple(types), types, keywords, changed, refused)
        family.called(types)
        return made

    def _made(
        self,
        kind: Kind,
        taken: tuple[Type, ...],
        types: Sequence[Type],
        keywords: Sequence[str],
        changed: str,
        exact: str = "",
    ) -> Program:
        """A new program, kept for all functions of the same code, and a word on it in the log. `types`: of the call that it is
        made for; `exact`: why it is not made for other sizes, too."""
        key = kind.key(taken, keywords, self.options)
        reason = log.why(self, key, types, keywords, changed, taken if is_general(taken) else (), exact)
        made = self.compile(taken, keywords, Hook(), kind)
        if is_general(taken):
            _refuse_printing(made.module)
        self.last, made.reason = (key, types, keywords), reason.text
        log.compiled(self, made, taken, keywords, reason)
        _programs[key] = [*_programs.get(key, ())[-7:], made]
        _programs.move_to_end(key)
        while len(_programs) > MAX_PROGRAMS:
            _programs.popitem(last=False)
        self._adopt(key, made, kind)
        return made

    def _type(self, i: int, value: Any) -> Type:
        if i in self.options.static_argnums:
            return Static(value)
        try:
            return type_of(value)
        except CompileError as e:
            code = self.function.__code__ if self.function else None
            names = code.co_varnames[inspect.ismethod(self.fn) : code.co_argcount] if code else ()
            named = f", `{names[i]}`" if i < len(names) else ""
            e.diagnostic.notes.append(Note(f"this is in argument {i}{named}"))
            raise

    def _adopt(self, key: Any, program: Program, kind: Kind, *, again: bool = True) -> None:
        """Make the program one of this function's, the first that a call like the one at hand tries. Not at the first call of
        a function for which nothing is compiled: it may be the last, too."""
        self.programs.pop(key, None)
        self.programs[key] = program
        if len(self.programs) > MAX_PROGRAMS:
            self.programs.pop(next(iter(self.programs)))
        if program.stub is None or not again:
            return
        from irad.backends.llvm.native import MAX_STUBS, set_stubs

        place = (key, *map(id, kind.statics))
        self.stubs.pop(place, None)
        bound = program.guards.bound(kind)
        if bound is not None:
            self.stubs = {place: (program, program.stub.bound(bound)), **self.stubs}
        while len(self.stubs) > MAX_STUBS:
            self.stubs.popitem()
        tried = sorted(self.stubs.values(), key=lambda s: s[0].general)  # those for exact sizes first
        set_stubs(self.native, [stub for _, stub in tried])

    def cache_info(self) -> CacheInfo:
        return CacheInfo(self.hits, self.misses, len(self.programs))

    def clear(self) -> None:
        from irad.backends.llvm.native import set_stubs

        with LOCK:
            for key in self.programs:
                _programs.pop(key, None)
            for key in self.families:
                _families.pop(key, None)
            log.forgotten(self, len(self.programs))
            self.programs.clear()
            self.stubs.clear()
            self.families.clear()
            self.last, self.cleared = None, True
            set_stubs(self.native, [])

    # -- compiling -----------------------------------------------------------------------------------------------------

    def specialized(self, types: Sequence[Type], keywords: Sequence[str] = ()) -> Entry:
        """The typed module for arguments of these types."""
        if isinstance(self.fn, Module):
            return self._module_entry(self.fn, types, keywords)
        hooks = {"unwrap": unwrap}
        label = self.fn.kind if isinstance(self.fn, Transform) else "main"
        with ours("specialize", self._source_text, self._command(types, keywords)):
            names = self.parameter_names()
            return specialize(self.fn, types, lower, name=label, names=names, hooks=hooks, keywords=keywords)

    def _source_text(self) -> str:
        """The program as it was read; the source where it cannot be read."""
        if self.function is None:
            return ""
        try:
            return print_graph(lower(self.function))
        except Exception:
            return "".join(f"# {line}" for line in inspect.getsourcelines(self.function)[0])

    def _command(self, types: Sequence[Type], keywords: Sequence[str]) -> str | None:
        """What specializes this program again, where the command line can name it."""
        fn, grad = self.fn, ""
        if isinstance(fn, Transform) and fn.kind == "grad":
            numbers = dict(fn.options)["argnums"]
            grad = f" --grad {','.join(map(str, numbers if isinstance(numbers, tuple) else (numbers,)))}"
            fn = fn.fn
        if keywords or not isinstance(fn, FunctionType) or "<" in fn.__qualname__ + fn.__code__.co_filename:
            return None
        import shlex

        place, shown = f"{fn.__code__.co_filename}:{fn.__qualname__}", ", ".join(map(str, types))
        command = f"ir {shlex.quote(place)} --types {shlex.quote(shown)}{grad} --stage typed"
        return command.replace("{", "{{").replace("}", "}}")

    @staticmethod
    def _module_entry(module: Module, types: Sequence[Type], keywords: Sequence[str]) -> Entry:
        """A module that was given as it is: its entry says what it takes."""
        refuse_python_stage(module)
        params = module.entry.params
        for t, what in [*((p.type, f"parameter %{p.name}") for p in params), (module.entry.output.type, "the result")]:
            if not _crosses(t, argument=what != "the result"):
                raise refuse(
                    "ir-entry",
                    f"{what} of {module.entry} is {t}, which has no form in Python",
                    help="take and return numbers, arrays of known sizes, and tuples of them",
                )
        if keywords or len(types) != len(params) or not all(map(same_bits, types, [p.type for p in params])):
            wanted, given = (", ".join(map(str, ts)) for ts in ([p.type for p in params], types))
            raise refuse(
                "wrong-arguments",
                f"{module.entry} takes ({wanted}), not ({given})",
                help="convert the arguments: float(x) for a number, x.astype(...) for an array",
            )
        return Entry(normal_form(module, REGISTRY))

    def ahead(self, signature: str) -> None:
        """Compile for the types of a signature, before any call; calls must have its sizes."""
        with LOCK:
            types, result = parse_signature(signature)
            check_symbols(types)
            self.misses += 1
            kind = self.kind((), types)
            try:
                made = self._made(kind, tuple(types), types, (), "")
            except CompileError as e:
                if is_general(types):
                    e.diagnostic.notes.append(Note("the signature has sizes for which any number may stand"))
                raise
            if result is not None:
                given = made.entry.module.entry.output.type
                check_result(result, given.items[0] if made.entry.writes and isinstance(given, Struct) else given, types)
            self.signature, self.taken = signature, types
            family = self._family(kind, types, ())
            if is_general(types):
                family.general.append(tuple(types))
            else:
                family.called(types)

    def parameter_names(self) -> list[str]:
        names = lower(self.function).info.parameters if self.function is not None else []
        return names[inspect.ismethod(self.fn) :]  # the first of a bound method's is not an argument

    def compile(
        self, types: Sequence[Type], keywords: Sequence[str], hook: Hook | None = None, kind: Kind | None = None
    ) -> Program:
        """Specialize, optimize and load for arguments of these types. `kind`: of a call that it is for."""
        hook = hook or Hook()
        start = time.perf_counter()
        entry = self.specialized(types, keywords)
        specialized = time.perf_counter()
        told = self.options.preaccumulate
        module = optimize(entry.module, hook, debug_nans=self.options.debug_nans, preaccumulate=told)
        if isinstance(self.fn, Module) and not self.own:
            module = with_contracts(module)
        if self.options.backend == "llvm":
            module = native(module, hook, preaccumulate=told)
        optimized = time.perf_counter()
        guards = Guards(entry, kind.parts if kind is not None else ())
        call, stub = self._code(entry, module, types, keywords, guards)
        program = Program(entry, call, stub, module, guards)
        program.seconds = (specialized - start, optimized - specialized, time.perf_counter() - optimized)
        program.passes = hook.times
        return program

    def _code(
        self, entry: Entry, module: Module, types: Sequence[Type], keywords: Sequence[str], guards: Guards
    ) -> tuple[Any, Any]:
        """What runs an optimized module, and its stub."""
        if self.options.backend == "interpreter":
            from irad.backends.interpreter.run import loaded

            return loaded(module, self.options.trace), None
        with ours("code generation", lambda: str(module), "ir {file} --stage asm"):
            if self.options.backend == "source":
                from irad.backends.source.run import Loaded

                return Loaded(module, self.title(module), self.label()), None
            return self._load(entry, module, types, keywords, guards)

    def label(self) -> str:
        """A name for the program: `loss_grad`."""
        name = getattr(self.function, "__name__", "program")
        name = name if name.isidentifier() else "function"
        return f"{name}_{self.fn.kind}" if isinstance(self.fn, Transform) else name

    def title(self, module: Module) -> str:
        """What the program is, in a sentence."""
        f = self.function
        types = ", ".join(f"{p.name}: {p.type}" for p in module.entry.params)
        where = f" ({os.path.basename(f.__code__.co_filename)}:{f.__code__.co_firstlineno})" if f is not None else ""
        name = f.__name__ if f is not None else module.entry.name
        what = TITLES.get(self.fn.kind, f"{self.fn.kind} of") + " " if isinstance(self.fn, Transform) else ""
        return f"{what}{name}{where} for ({types})."

    def _load(
        self, entry: Entry, module: Module, types: Sequence[Type], keywords: Sequence[str], guards: Guards
    ) -> tuple[Any, Any]:
        from irad.backends.llvm import run as llvm

        direct = not entry.writes and self.function is not None
        found = guards.for_stub() if direct else None
        arguments: list[Any] = [llvm.Identical(t.value) if isinstance(t, Static) else llvm.Dynamic(t) for t in types]
        hidden: list[Any] = []
        names: list[Any] = []
        count = 0
        if found is not None:
            names, sources, count = found
            hidden = [llvm.Hidden(s, p.type) for s, (_, p) in zip(sources, guards.hidden, strict=True)]
        else:
            arguments += [llvm.Dynamic(p.type) for _, p in guards.hidden]  # the slow path reads them and hands them in
        loaded = llvm.load(
            module,
            arguments,
            hidden=hidden,
            guards=count,
            names=names,
            fast_math=self.options.fast_math,
            threads=self.options.threads,
            keywords=keywords,
        )
        return loaded, loaded.stub if found is not None else None


def _refuse_printing(module: Module) -> None:
    """Refuse a program for symbolic sizes that may find out that another is to run, when it has printed already."""
    nodes = [n for g in all_graphs(module) for n in g.body if isinstance(n, Apply)]
    if any(n.fn.name == "print" for n in nodes) and any(SizesDiffer.__name__ in n.static for n in nodes):
        raise refuse(
            "unknown-shape",
            "this program prints, and has sizes of which it is known at run time only whether they are equal",
            help="leave print out, or compile for numbers instead of symbols",
        )


def _crosses(t: Type, *, argument: bool) -> bool:
    """Whether values of t come from Python as arguments, or go there as results."""
    if isinstance(t, Struct):
        return all(_crosses(u, argument=argument) for u in t.items)
    if isinstance(t, Array):
        return not argument or t.static_shape is not None
    return isinstance(t, (Scalar, Static))


def checked_options(
    backend: str,
    static_argnums: Any,
    fast_math: bool,
    debug_nans: bool,
    trace: Any = None,
    threads: Any = None,
    preaccumulate: Any = None,
) -> Options:
    """The options of `compile`; refuses what it does not know."""
    if backend not in BACKENDS:
        raise refuse(
            "unknown-backend",
            f"no backend is called {backend!r}",
            help=nearest(str(backend), BACKENDS, f"use one of {', '.join(BACKENDS)}"),
        )
    numbers = tuple(static_argnums) if isinstance(static_argnums, Iterable) else (static_argnums,)
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in numbers):
        raise refuse(
            "unknown-option",
            "static_argnums takes positions of arguments, counted from 0",
            help="write static_argnums=1, or static_argnums=(1, 2)",
        )
    if trace is not None and (backend != "interpreter" or not callable(trace)):
        raise refuse(
            "unknown-option",
            'trace is a function that takes a line of text, and only backend="interpreter" has it',
            help='write compile(f, backend="interpreter", trace=print)',
        )
    if threads is not None and (not isinstance(threads, (int, np.integer)) or isinstance(threads, bool) or threads < 1):
        raise refuse(
            "unknown-option",
            f"threads is {threads!r}: a number of threads is needed, 1 or more",
            help="write threads=2; without it, loops over large arrays use the cores that there are",
        )
    if threads is not None and backend != "llvm":
        raise refuse(
            "unknown-option",
            'only backend="llvm" has threads',
            help=f'leave threads out, or backend="{backend}"',
        )
    if preaccumulate is not None and not isinstance(preaccumulate, bool):
        raise refuse(
            "unknown-option",
            f"preaccumulate is {preaccumulate!r}: True, False or None is needed",
            help="leave it out: then loops store Jacobians of their trips where that costs less",
        )
    count = int(threads) if threads is not None else None
    return Options(backend, numbers, bool(fast_math), bool(debug_nans), trace, count, preaccumulate)
