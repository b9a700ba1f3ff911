"""The product against cases that nobody here wrote: `python -m tests.corpora DIR [-v]`, or `make corpora CORPORA=DIR`.

Each folder in DIR is one corpus; the word before its first hyphen, or its whole name, says which module reads it. A line
each: cases, right, wrong, crashed. Nothing in a corpus is fetched, mailed or run, and none of it is kept.
"""
