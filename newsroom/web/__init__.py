"""What every page and link needs: signed tokens, throttles, the client's address behind proxies, guarded fetching.

No models. May import Django and nothing of ours. Main words: token, client address, guarded fetch.
"""
