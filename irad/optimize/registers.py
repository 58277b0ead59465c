"""Small arrays of known shape live in registers: each becomes its elements, as numbers.

    %y: f64[2] = add(%x, %k);              =>   %y = add(%x, %k); %y_1 = add(%x_1, %k_1);
    %z: f64[2] = for_loop(%n, @body, %y);  =>   %z: (f64, f64) = for_loop(%n, @body, %y, %y_1);

An array that comes from outside is read where it is, and one that goes out is put together there. What is read or written at
indices that are not known stays in memory, and so does what would have to be put together in every trip of a loop that
could keep it whole.

An array in registers is a tuple of its elements here; nobody reads the tuple, so that it is never made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from irad.graph.nodes import UNDEF, Apply, Constant, Graph, Module, Node, Parameter
from irad.optimize.elements import by_elements, elements_of, known_shape, size
from irad.optimize.placement import BLOCKS, STRUCTURE, Placement, numbers_put, part, place, place_in_lanes
from irad.optimize.rebuild import Rebuild, is_undef
from irad.optimize.slots import Path
from irad.types import Array, Record, Scalar, Stack, Struct, Tuple, Type

__all__ = ["into_registers"]

MOST_OPERATIONS = 20_000  # of the module that is made


def into_registers(module: Module) -> Module:
    """The module with the small arrays in registers that are better there; the same module where there are none."""
    for placed in (place_in_lanes, place):
        found = placed(module)
        with contextlib.suppress(_TooMany):
            module = _Registers(module, found).run() if found is not None else module
    return module


class _TooMany(Exception):
    """More operations than a module may become."""


class _Registers(Rebuild):
    def __init__(self, module: Module, arrays: Placement) -> None:
        super().__init__(module)
        self.arrays = arrays

    # -- the form of values --------------------------------------------------------------------------------------------

    def holds(self, x: Node | Graph, path: Path = ()) -> bool:
        return self.arrays.holds(x, path)

    def form(self, x: Node | Graph, path: Path, t: Type) -> Type:
        """The new type of the part of x at `path`."""
        if isinstance(t, Array):
            return Tuple([t.dtype] * size(t)) if self.arrays.small(t) and self.holds(x, path) else t
        if isinstance(t, Struct):
            items = [self.form(x, (*path, i), u) for i, u in enumerate(t.items)]
            if all(a is b for a, b in zip(items, t.items, strict=True)):
                return t
            return Record(t.form, items) if isinstance(t, Record) else Tuple(items)
        if isinstance(t, Stack):
            inner = (*path, "*")
            if not isinstance(t.item, Struct) or self.form(x, inner, t.item) is t.item:
                return t
            return Stack(Tuple(u for k, v in enumerate(t.item.items) for u in self.flat_types(x, (*inner, k), v)))
        return t

    def flat_types(self, x: Node | Graph, path: Path, t: Type) -> tuple[Type, ...]:
        new = self.form(x, path, t)
        return new.items if isinstance(t, Array) and isinstance(new, Tuple) else (new,)

    def parameter_type(self, p: Parameter) -> Type:
        return self.form(p, (), p.type)

    def result_type(self, old: Graph) -> Type:
        return self.form(old, (), old.result)  # type: ignore[arg-type]

    def fitted(self, new: Node, x: Node, px: Path, to: Node | Graph, path: Path) -> Node:
        return self.fit(new, part(x.type, px), x, px, to, path)

    def fit(self, new: Node, t: Type, x: Node, px: Path, to: Node | Graph, path: Path) -> Node:
        b = self.b
        if not self.arrays.array_paths(t):
            return new
        if is_undef(new):
            return b.undef(self.form(to, path, t))
        if isinstance(t, Array):
            have, want = isinstance(new.type, Tuple), self.holds(to, path)
            return new if have == want else self.numbers(new) if want else self.assembled(new, t)
        if isinstance(t, Struct) and new.type is not self.form(to, path, t):
            items = [self.fit(b.getitem(new, index=i), u, x, (*px, i), to, (*path, i)) for i, u in enumerate(t.items)]
            return b.make_record(*items, form=t.form) if isinstance(t, Record) else b.make_tuple(*items)
        return new

    def parameter(self, graph: Graph, p: Parameter) -> Node:
        if not (isinstance(p.type, Array) and self.arrays.small(p.type) and self.holds(p)):
            return super().parameter(graph, p)
        made = [self.b.parameter(graph, p.type.dtype, p.name) for _ in range(size(p.type))]
        for q in made:
            q.span = p.span or q.span
        return self.b.make_tuple(*made)

    def spread(self, new: Node, of: Node, path: Path = ()) -> list[Node]:
        return self.items(new) if self.is_spread(of, path) else [new]

    def gathered(self, values: list[Node], of: Node, path: Path = ()) -> Node:
        return self.b.make_tuple(*values) if self.is_spread(of, path) else values[0]

    def is_spread(self, of: Node, path: Path) -> bool:
        return self.arrays.small(part(of.type, path)) and self.holds(of, path)

    def items(self, new: Node) -> list[Node]:
        """The elements of an array in registers."""
        assert isinstance(new.type, Tuple)
        if is_undef(new):
            return [self.b.undef(t) for t in new.type.items]
        return [self.b.getitem(new, index=i) for i in range(len(new.type.items))]

    def numbers(self, new: Node) -> Node:
        """The elements of an array in memory: read where it is made, or, if it may be absent there, where it is asked for."""
        b, t = self.b, new.type
        assert isinstance(t, Array)
        if is_undef(new):
            return b.undef(Tuple([t.dtype] * size(t)))
        here = b.graph
        if new.graph is self.module.entry if isinstance(new, Parameter) else _is_there(new):
            b.graph = new.graph  # type: ignore[assignment]
        before, b.adjoint = b.adjoint, b.adjoint and isinstance(new, Apply) and new.adjoint
        found = [b.index(new, *map(b.literal, where)) for where in np.ndindex(*known_shape(t))]
        b.graph, b.adjoint = here, before
        return b.make_tuple(*found)

    def assembled(self, new: Node, t: Array) -> Node:
        """The array of these elements, in memory; outside the loops that have nothing to do with it."""
        b = self.b
        if is_undef(new):
            return b.undef(t)
        xs = self.items(new)
        if not xs:
            return b.zeros(of=t)
        before, b.hoist = b.hoist, True
        out = b.broadcast(xs[0], shape=t.shape) if all(x is xs[0] for x in xs) else b.array(*xs, shape=t.shape)
        b.hoist = before
        return out

    # -- operations ----------------------------------------------------------------------------------------------------

    def plain(self, node: Apply) -> None:
        b, name = self.b, node.fn.name
        if b.size > MOST_OPERATIONS:
            raise _TooMany
        b.adjoint = node.adjoint
        if name in STRUCTURE:
            self.structure(node)
            return
        numbers = numbers_put(node)
        if numbers is not None and not self.holds(node):
            self.bind(node, self.put_each(node, [self.get(a) for a in numbers]))
            return
        arrays = [a for a in node.args if self.arrays.small(a.type)]
        if not arrays and not self.arrays.small(node.type):
            super().plain(node)
            return
        held = any(isinstance(self.get(a).type, Tuple) for a in arrays)
        if self.arrays.is_written_out(node) or (self.arrays.has_elements(node) and (held or self.holds(node))):
            args = [self.operand(a) for a in node.args]
            out = by_elements(b, node, args)
            if isinstance(out, np.ndarray):
                self.named(node, out.flat)
                whole = b.make_tuple(*out.flat)
                out = whole if self.holds(node) else self.assembled(whole, node.type)  # type: ignore[arg-type]
            self.named(node, [out])
            self.bind(node, out)
        elif name == "slice" and self.holds(node):
            self.bind(node, self.block(node))
        elif name in BLOCKS and node.args[1] in arrays and isinstance(self.get(node.args[1]).type, Tuple):
            self.bind(node, self.put_each(node, self.items(self.get(node.args[1]))))
        else:
            args = [self.whole(a) for a in node.args]
            new = b.apply(node.fn, args, node.static)
            self.named(node, [new])
            self.bind(node, self.numbers(new) if self.holds(node) and self.arrays.small(node.type) else new)

    def named(self, node: Apply, values: Iterable[Node]) -> None:
        """Values that stand for an old one have its name."""
        for x in values:
            if x.__class__ is Apply and x.name is None:
                x.name = node.name

    def operand(self, a: Node) -> Any:
        """An argument of an operation on elements."""
        new = self.get(a)
        if not isinstance(a.type, Array):
            return new
        found = new if isinstance(new.type, Tuple) else self.numbers(new)
        return elements_of([self.usual(x) for x in self.items(found)], known_shape(a.type))

    def usual(self, x: Node) -> Node:
        """A known number in the type that it has where a program names it, so that what is done with equal ones is shared."""
        if x.__class__ is not Constant or x.value is UNDEF or not isinstance(x.type, Scalar):
            return x
        return self.b.number(x.value, x.type)

    def whole(self, a: Node) -> Node:
        """An argument of an operation on arrays in memory."""
        new = self.get(a)
        return self.assembled(new, a.type) if isinstance(a.type, Array) and isinstance(new.type, Tuple) else new

    def block(self, node: Apply) -> Node:
        """A block of an array in memory, element by element."""
        b, x = self.b, self.get(node.args[0])
        rank = x.type.rank  # type: ignore[attr-defined]
        places = self.places(node.args[1 : 1 + rank], *node.static)
        return b.make_tuple(*[b.index(x, *where) for where in places])

    def put_each(self, node: Apply, values: list[Node]) -> Node:
        """A block of these elements put into an array in memory, one by one."""
        b = self.b
        x, v, *starts = node.args
        put = b.index_update if node.fn.name == "slice_update" else b.index_add
        out = self.get(x)
        places = self.places(starts, v.type.shape, node.static[0])  # type: ignore[attr-defined]
        for where, value in zip(places, values, strict=True):
            out = put(out, value, *where)
        return out

    def places(self, starts: Iterable[Node], shape: tuple[int, ...], steps: tuple[int, ...]) -> list[list[Node]]:
        """The indices of a block's elements."""
        b = self.b
        each = zip(starts, shape, steps, strict=True)
        ranges = [[b.add(self.get(s), b.literal(k * step)) for k in range(n)] for s, n, step in each]
        return [[r[k] for r, k in zip(ranges, where, strict=True)] for where in np.ndindex(*shape)]

    # -- tuples and stacks ---------------------------------------------------------------------------------------------

    def structure(self, node: Apply) -> None:
        b, name = self.b, node.fn.name
        if name in ("make_tuple", "make_record"):
            args = [self.handed(a, node, (i,)) for i, a in enumerate(node.args)]
            self.bind(node, b.apply(node.fn, args, node.static))
        elif name == "empty_stack":
            t = self.form(node, (), node.type)
            assert isinstance(t, Stack)
            self.bind(node, b.empty_stack(of=t.item))
        elif name == "push" and self.form(node, (), node.type) is not node.type:
            stack, item = node.args
            new = self.handed(item, node, ("*",))
            parts = [x for k in range(len(item.type.items)) for x in self.spread(b.getitem(new, index=k), node, ("*", k))]  # type: ignore[attr-defined]
            self.bind(node, b.push(self.get(stack), b.make_tuple(*parts)))
        elif name == "pop" and self.form(node, (), node.type) is not node.type:
            popped = b.pop(self.get(node.args[0]))
            self.split(node, [self.gathered_item(node, b.getitem(popped, index=0)), b.getitem(popped, index=1)])
        else:
            super().plain(node)

    def gathered_item(self, node: Apply, item: Node) -> Node:
        """The popped item, with its arrays put together again as tuples of their elements."""
        b = self.b
        feed = iter([b.getitem(item, index=k) for k in range(len(item.type.items))])  # type: ignore[attr-defined]
        parts = []
        for i, t in enumerate(part(node.type, (0,)).items):  # type: ignore[attr-defined]
            values = [next(feed) for _ in self.flat_types(node, (0, i), t)]
            parts.append(self.gathered(values, node, (0, i)))
        return b.make_tuple(*parts)


def _is_there(x: Node) -> bool:
    """Whether an array is one wherever the operation has run: results of branches and parts of tuples may be absent."""
    while isinstance(x, Apply) and x.fn.name in ("reshape", "retype"):  # they look at nothing
        x = x.args[0]
    return isinstance(x, Apply) and not x.graphs and x.fn.name != "getitem"
