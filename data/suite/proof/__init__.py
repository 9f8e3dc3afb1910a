"""Proofs that a mutant equals gold on every valid instance: from keys, NOT NULL, foreign keys and domains."""
