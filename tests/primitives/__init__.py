"""Every primitive, every facet: inputs generated from the records alone."""
