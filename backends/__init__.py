"""Backends: optimized IR to something that runs. Each imports its library in its own folder and nowhere else."""
