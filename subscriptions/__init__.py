"""Readers and what they agreed to: newsletters, subscribers, subscriptions, consent, suppression.

May import `newsroom.web`, `newsroom.mail` and `newsroom.articles`.
Main words: subscription, consent event (append-only), suppression (outlives erasure).
"""
