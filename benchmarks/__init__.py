"""Benchmarks: each prints a table, writes JSON under benchmarks/results, and measures its floor in the same run."""
