"""Mutants of the derivative rules and rewrite rules: each must be noticed by the tests of its operation or rule.

python -m tests.mutants --derivatives --json tests/mutants/results.json
"""
