"""Array operations as loop nests: what each reads element by element, and the tree of loops that runs them together.

    statements   an operation on arrays as a statement over axes; views dissolve into places of what they read
    tree         which statements share which loops
    trips        which loops of numbers have trips that do not meet

The pass `fuse` cuts programs by it, and a backend runs what was cut out by the same tree.
"""
