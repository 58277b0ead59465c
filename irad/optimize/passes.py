"""The passes of the optimizer. Each is one rebuilding of the module (see `rebuild`), so each also folds and shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from irad.graph.nodes import Graph, Module
from irad.graph.walk import nested_graphs
from irad.optimize import rules as rules  # the Builder tries them
from irad.optimize.demand import demand
from irad.optimize.early import call_early
from irad.optimize.eliminate import eliminate as _eliminate
from irad.optimize.fuse import fuse_arrays
from irad.optimize.merge import merge_loops
from irad.optimize.nans import check_nans
from irad.optimize.pieces import into_pieces
from irad.optimize.preaccumulate import preaccumulate as _preaccumulate
from irad.optimize.quotients import divide
from irad.optimize.rebuild import rebuild
from irad.optimize.registers import into_registers
from irad.optimize.residuals import choose_residuals
from irad.optimize.scratch import allocate_scratch
from irad.optimize.stores import leave_out_stores
from irad.optimize.strips import into_strips
from irad.optimize.unroll import unrolled
from irad.optimize.unstack import stacks_to_arrays

__all__ = [
    "Pass",
    "drop",
    "early",
    "eliminate",
    "fuse",
    "hoist",
    "inline",
    "merge",
    "nans",
    "pass_",
    "pieces",
    "preaccumulate",
    "preaccumulate_all",
    "quotients",
    "registers",
    "residuals",
    "scratch",
    "simplify",
    "stores",
    "strips",
    "unroll",
    "unstack",
]

SMALL = 60  # operations: inlined wherever it is called
GROWTH = 20_000  # operations: what inlining one graph at all its calls may cost


@dataclass(frozen=True, slots=True)
class Pass:
    """A named step from module to module, at a stage."""

    name: str
    stage: str
    run: Callable[[Module], Module]
    doc: str

    def __call__(self, module: Module) -> Module:
        return self.run(module)


def pass_(name: str, stage: str = "typed") -> Callable[[Callable[[Module], Module]], Pass]:
    """Name a pass; the module verifies at `stage` before and after."""
    return lambda f: Pass(name, stage, f, (f.__doc__ or "").strip().splitlines()[0])


@pass_("inline")
def inline(module: Module) -> Module:
    """Put the bodies of functions in the place of their calls: of small ones everywhere, of others where called once.

        %1 = @cdf(%d)   =>   %2 = div(%d, 1.414...); %3 = erf(%2); ...

    A cycle of calls keeps at least one function; what many calls would multiply beyond GROWTH stays too.
    """
    return rebuild(module, inline=_inlinable(module))


def _inlinable(module: Module) -> set[Graph]:
    functions = [g for top in module.graphs for g in nested_graphs(top) if g.role == "function"]
    calls: dict[Graph, list[Graph]] = {g: [] for g in functions}
    size = dict.fromkeys(functions, 0)
    uses = dict.fromkeys(functions, 0)
    named: set[Graph] = set()
    for top in module.graphs:
        for g in nested_graphs(top):
            owner = g
            while owner.role != "function" and owner.parent is not None:
                owner = owner.parent
            size[owner] += len(g.body)
            for node in g.body:
                for h in node.graphs:
                    if h.role == "function":
                        calls[owner].append(h)
                        uses[h] += 1
                        if node.fn.name != "call":
                            named.add(h)  # a transform names it
    chosen: set[Graph] = set()
    total = dict(size)
    for g in _callees_first(module.entry, calls):
        total[g] = size[g] + sum(total[h] for h in calls[g] if h in chosen)
        if g is module.entry or g in named:
            continue
        if (uses[g] == 1 or total[g] <= SMALL or total[g] * uses[g] <= GROWTH) and not _would_cycle(g, calls, chosen):
            chosen.add(g)
    return chosen


def _would_cycle(graph: Graph, calls: dict[Graph, list[Graph]], chosen: set[Graph]) -> bool:
    """Whether inlining `graph` too would inline it into itself."""
    seen: set[Graph] = set()
    todo = list(calls[graph])
    while todo:
        g = todo.pop()
        if g is graph:
            return True
        if g in chosen and g not in seen:
            seen.add(g)
            todo.extend(calls[g])
    return False


def _callees_first(entry: Graph, calls: dict[Graph, list[Graph]]) -> list[Graph]:
    out: list[Graph] = []
    state: dict[Graph, int] = {}
    stack: list[tuple[Graph, int]] = [(entry, 0)]
    state[entry] = 1
    while stack:
        g, i = stack.pop()
        if i < len(calls[g]):
            stack.append((g, i + 1))
            h = calls[g][i]
            if h not in state:
                state[h] = 1
                stack.append((h, 0))
        else:
            out.append(g)
    return out


@pass_("simplify")
def simplify(module: Module) -> Module:
    """Fold constants, share equal operations, apply the rules, and take the branches that are known."""
    return rebuild(module)


@pass_("drop")
def drop(module: Module) -> Module:
    """Leave out what nobody reads: operations, results of branches, state of loops, parameters and results of functions."""
    return rebuild(module, demand=demand(module))


@pass_("stores")
def stores(module: Module) -> Module:
    """Write elements of cotangents once that are written again before they are read."""
    return leave_out_stores(module)


@pass_("scratch")
def scratch(module: Module) -> Module:
    """Make arrays anew that each trip of a loop writes over, instead of handing them from trip to trip."""
    return allocate_scratch(module)


@pass_("hoist")
def hoist(module: Module) -> Module:
    """Move total operations out of loops that do not change their arguments (loop-invariant code motion)."""
    return rebuild(module, hoist=True)


@pass_("merge")
def merge(module: Module) -> Module:
    """Make one loop of a loop and its reverse, where no trip of the reverse waits for another: nothing is stored."""
    return merge_loops(module)


@pass_("preaccumulate")
def preaccumulate(module: Module) -> Module:
    """Store the Jacobian of a loop's trip where that costs less than what its reverse would need."""
    return _preaccumulate(module)


@pass_("preaccumulate")
def preaccumulate_all(module: Module) -> Module:
    """Store the Jacobian of a loop's trip wherever that can be."""
    return _preaccumulate(module, always=True)


@pass_("residuals")
def residuals(module: Module) -> Module:
    """Store or recompute: keep on the stacks of loops what is cheaper to keep than to compute again."""
    return choose_residuals(module)


@pass_("quotients")
def quotients(module: Module) -> Module:
    """Divide where a reciprocal has one use."""
    return divide(module)


@pass_("nans")
def nans(module: Module) -> Module:
    """Check after every floating-point operation that its result holds no nan."""
    return check_nans(module)


@pass_("strips")
def strips(module: Module) -> Module:
    """Run loops over large arrays strip by strip, so that what they keep stays in the cache."""
    return into_strips(module)


@pass_("eliminate")
def eliminate(module: Module) -> Module:
    """Write out factors of small matrices."""
    return _eliminate(module)


@pass_("registers")
def registers(module: Module) -> Module:
    """Make small arrays of known shape their elements, as numbers."""
    return into_registers(module)


@pass_("unroll")
def unroll(module: Module) -> Module:
    """Put the trips of short loops over small arrays one behind the other."""
    return unrolled(module)


@pass_("early")
def early(module: Module) -> Module:
    """Put functions of the C library before the arithmetic between them: a call keeps no vector register."""
    return call_early(module)


@pass_("unstack")
def unstack(module: Module) -> Module:
    """Make arrays of the stacks of short loops, and of loops inside loops, whose trips are known."""
    return stacks_to_arrays(module)


@pass_("pieces")
def pieces(module: Module) -> Module:
    """Compute arrays that are put together of blocks piece by piece, each where it belongs."""
    return into_pieces(module)


@pass_("fuse", "lowered")
def fuse(module: Module) -> Module:
    """Put array operations that share loops into kernels: one loop nest, in which what only they read is never stored."""
    return fuse_arrays(module)
