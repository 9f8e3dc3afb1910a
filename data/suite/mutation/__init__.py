"""Edits of a query's syntax tree, each a mistake that a person or a model makes; `data.suite.mutants` joins them."""
