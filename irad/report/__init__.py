"""Programs for the eye: coloured text, drawn graphs, pages. Nothing here is imported before someone looks."""
