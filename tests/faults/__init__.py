"""Faults put into a running installation: real PostgreSQL, Redis, Celery workers and beat, and a provider that lies.

    python -m tests.faults              every row of the table in docs/faults.md
    python -m tests.faults --fast       the rows that `make check` runs
    python -m tests.faults --only "calling (mailgun)"

What counts as true is the simulator's own record of what it took, compared with the ledger.
"""
