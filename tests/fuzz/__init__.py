"""Differential tests over generated programs: `python -m tests.fuzz --help`."""
