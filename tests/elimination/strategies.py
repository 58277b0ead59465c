"""Generated linearised graphs."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from irad.elimination import Edge, Region, Vertex

__all__ = ["generated", "orders", "regions"]

CONSTANTS = (1.0, -1.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0)

generated = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def regions(draw: st.DrawFn, most: int = 12) -> Region:
    """A region with parallel edges, constants that cancel, dead vertices, outputs that are read, inputs that are outputs."""
    n_inputs = draw(st.integers(1, 3))
    n = n_inputs + draw(st.integers(1, most))
    vertices = [Vertex(f"x{i}") for i in range(n_inputs)]
    edges = []
    for j in range(n_inputs, n):
        sources = draw(st.lists(st.integers(0, j - 1), min_size=1, max_size=3))
        edges += [Edge(i, j, draw(st.one_of(st.just("v"), st.sampled_from(CONSTANTS)))) for i in sources]
        vertices.append(Vertex(f"v{j}", draw(st.sampled_from(("f", "g", ""))), tuple(vertices[i].name for i in sources)))
    outputs = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4))
    return Region(vertices, edges, range(n_inputs), outputs)


def orders(region: Region) -> st.SearchStrategy[list[int]]:
    return st.permutations(region.inner).map(list)
