"""Labelled pairs of gold and candidate SQL, what proves their labels, and peers' scorers to compare with."""
