"""The demo: the whole job on one machine, with embedded parts, in a folder that may be thrown away.

Owns the launcher, the processes it starts, the embedded Redis-protocol server and the local inbox. Nobody imports
this package but the tests; `processes`, `broker` and `inbox` know no Django. Words: *program* (a child of ours),
*supervisor* (who starts and stops them), *inbox* (where the demo's mail arrives).
"""
