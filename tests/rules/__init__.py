"""Rules that the repository holds itself to. Each checker is a function, proved on a small sample that breaks it."""
