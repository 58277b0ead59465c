"""Sparse derivatives: which numbers of a result depend on which of the arguments, derived from the typed program; how columns
are put together so that few directions give all of the matrix. `irad.jacobian(f, sparse=True)` is made of them."""
