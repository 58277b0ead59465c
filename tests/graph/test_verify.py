"""The verifier accepts what the compiler makes, and refuses a module in which one thing is broken."""

import inspect

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import irad
from irad.errors import InternalError
from irad.graph.nodes import Apply, Constant, Graph, Module, Parameter
from irad.graph.walk import all_graphs
from irad.primitives import REGISTRY
from irad.primitives.structure import same_bits
from irad.types import BOOL, F32, FLOAT, INT, UNIT, Array, Tuple
from irad.verify import verify
from tests.graph.programs import GRADIENTS, PROGRAMS, STAGES, fresh, module_at

BOTH = [*PROGRAMS, *GRADIENTS]
MODULES = st.tuples(st.sampled_from(BOTH), st.sampled_from(["typed", "optimized"])).map(lambda p: module_at(*p))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("program", BOTH, ids=lambda p: p.name)
def test_what_the_compiler_makes_is_accepted(program, stage):
    assert verify(fresh(program, stage), stage) is not None


def nodes_of(module: Module) -> list[tuple[Graph, Apply]]:
    return [(g, n) for g in all_graphs(module) for n in g.body]


def is_used(module: Module, node: Apply) -> bool:
    return any(node in n.args for _, n in nodes_of(module)) or any(g.output is node for g in all_graphs(module))


def one_of(draw, things):
    assume(things)
    return draw(st.sampled_from(things))


# Each breaks one thing; it gives up (`assume`) where the module has no such thing.


def wrong_type(module, draw):
    _, node = one_of(draw, (nodes_of(module)))
    t = one_of(draw, ([FLOAT, INT, BOOL, F32, UNIT, Tuple((FLOAT, BOOL)), Array(F32, (77,))]))
    assume(not same_bits(t, node.type))
    node.type = t


def use_before_definition(module, draw):
    graph = one_of(draw, ([g for g in all_graphs(module) if len(g.body) > 1]))
    i = draw(st.integers(0, len(graph.body) - 2))
    early, late = graph.body[i], graph.body[draw(st.integers(i, len(graph.body) - 1))]
    assume(early.args)
    early.args = (late, *early.args[1:])


def missing_operation(module, draw):
    graph, node = one_of(draw, ([(g, n) for g, n in nodes_of(module) if is_used(module, n)]))
    graph.body.remove(node)


def use_of_an_inner_value(module, draw):
    inner = [n for g, n in nodes_of(module) if g.parent is not None and not n.graphs]
    assume(inner)
    node = one_of(draw, (inner))
    module.entry.output = node


def use_of_a_siblings_value(module, draw):
    pairs = [(g, n) for g, n in nodes_of(module) if n.args]
    others = [(g, m) for g, m in nodes_of(module)]
    graph, node = one_of(draw, (pairs))
    other, value = one_of(draw, (others))
    assume(not graph.within(other))
    node.args = (value, *node.args[1:])


def counted(module):
    """The operations that take a number of arguments of their own."""
    found = []
    for _, node in nodes_of(module):
        ref = node.fn.ref
        if node.fn.elementwise or node.fn.name in ("call", "cond", "for_loop"):
            found.append(node)
        elif inspect.isfunction(ref) and not any(
            p.kind is p.VAR_POSITIONAL for p in inspect.signature(ref).parameters.values()
        ):
            found.append(node)
    return found


def missing_argument(module, draw):
    node = one_of(draw, [n for n in counted(module) if n.args])
    node.args = node.args[:-1]


def extra_argument(module, draw):
    node = one_of(draw, counted(module))
    node.args = (*node.args, Constant(Tuple((BOOL, BOOL, BOOL)), None))


def wrong_result(module, draw):
    graph = one_of(draw, (list(all_graphs(module))))
    t = one_of(draw, ([FLOAT, BOOL, UNIT, Tuple((BOOL,))]))
    assume(graph.result is None or not same_bits(t, graph.result))
    graph.result = t


def wrong_output(module, draw):
    graph = one_of(draw, (list(all_graphs(module))))
    graph.output = Constant(Array(F32, (77,)), None)


def two_graphs_of_one_name(module, draw):
    graphs = list(all_graphs(module))
    assume(len(graphs) > 1)
    a, b = draw(st.permutations(graphs))[:2]
    a.name = b.name


def a_parameter_of_another_graph(module, draw):
    graph = one_of(draw, ([g for g in all_graphs(module) if g.params]))
    graph.params[-1] = Parameter(Graph("other"), graph.params[-1].type)


def a_missing_parameter(module, draw):
    graph = one_of(draw, ([g for g in all_graphs(module) if g.params]))
    p = graph.params.pop()
    called = any(graph in n.graphs for _, n in nodes_of(module))
    assume(called or any(p in n.args for _, n in nodes_of(module)) or graph.output is p)


def a_node_that_belongs_elsewhere(module, draw):
    _, node = one_of(draw, (nodes_of(module)))
    node.graph = Graph("elsewhere")


def a_nested_graph_at_the_top(module, draw):
    nested = [g for g in all_graphs(module) if g.parent is not None]
    assume(nested)
    module.graphs.append(one_of(draw, (nested)))


def a_graph_out_of_scope(module, draw):
    users = [n for _, n in nodes_of(module) if n.graphs]
    assume(users)
    node = one_of(draw, (users))
    lost = Graph("lost", Graph("nowhere"))
    lost.params = [Parameter(lost, p.type) for p in node.graphs[0].params]
    lost.finish(Constant(node.graphs[0].result, None))
    node.graphs = (lost, *node.graphs[1:])


def a_missing_graph(module, draw):
    users = [n for _, n in nodes_of(module) if n.graphs]
    assume(users)
    node = one_of(draw, (users))
    node.graphs = node.graphs[1:]


def a_missing_fact(module, draw):
    facts = [n for _, n in nodes_of(module) if n.static]
    assume(facts)
    node = one_of(draw, (facts))
    node.static = node.static[:-1]


def no_graphs(module, draw):
    module.graphs.clear()


BREAKS = [
    *(wrong_type, use_before_definition, missing_operation, use_of_an_inner_value, use_of_a_siblings_value),
    *(missing_argument, extra_argument, wrong_result, wrong_output, two_graphs_of_one_name, a_parameter_of_another_graph),
    *(a_missing_parameter, a_node_that_belongs_elsewhere, a_nested_graph_at_the_top, a_graph_out_of_scope),
    *(a_missing_graph, a_missing_fact, no_graphs),
]


@pytest.mark.parametrize("broken", BREAKS, ids=lambda f: f.__name__)
def test_one_broken_thing_is_refused(broken):
    @settings(max_examples=12, deadline=None)
    @given(MODULES, st.data())
    def refused(module, data):
        broken(module, data.draw)
        with pytest.raises(InternalError):
            verify(module)

    refused()


@pytest.mark.parametrize("name", ["vjp_forward", "vjp_backward", "jvp"])
def test_transforms_are_gone_after_typed(name):
    found = 0
    for program in GRADIENTS:
        module = fresh(program, "typed")
        if any(n.fn.name == name for _, n in nodes_of(module)):
            found += 1
            with pytest.raises(InternalError, match="left at the stage"):
                verify(module, "optimized")
    assert found


def test_parse_ir_refuses_what_does_not_verify():
    for text in (
        "graph @f(%x: float) -> float { %y: float = sin(%x); return %x; } graph @g(%z: float) -> int { return %z; }",
        "graph @f(%x: float) -> bool { %y: bool = sin(%x); return %y; }",
        "graph @f(%p: bool, %x: float) -> float { graph @a() -> float { return %x; } %y: float = cond(%p, @a, @a); return %p;}",
    ):
        with pytest.raises(irad.CompileError) as caught:
            irad.parse_ir(text)
        assert caught.value.name == "ir-invalid"


def test_every_operation_of_the_registry_can_be_told_from_its_types():
    """No operation takes whatever it is given: a value of a type that nothing takes is refused."""
    strange = Tuple((BOOL, UNIT, BOOL))
    takes_all = {"make_tuple", "make_record", "make_list", "print", "raise", "empty_stack", "zeros", "call", "cond", "assert"}
    for name, prim in REGISTRY.items():
        if name in takes_all or prim.layout or prim.order in ("effect", "context"):
            continue
        if prim.elementwise:
            for count in (1, 2, 3):
                with pytest.raises(Exception):  # noqa: B017, PT011
                    prim.infer((strange,) * count, *prim.defaults)
