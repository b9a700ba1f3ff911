"""The delivery engine: freezes an audience into a ledger and accounts for every copy.

May import `subscriptions` and below, never `digests`. Main words: mailing, delivery, batch, attempt.
The database is the queue: a task is only a wake-up, every transition a compare-and-set.
"""
