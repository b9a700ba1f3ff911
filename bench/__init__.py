"""How fast Newsroom is, measured beside something else on the same machine in the same minutes.

    python -m bench                    everything, up to a million readers; writes bench/RESULTS.md
    python -m bench --quick            the same in small, within three minutes; writes var/bench/RESULTS.md
    python -m bench --only splicing    one section; add --profile to see where the time goes

A PostgreSQL of its own with durable settings, a sink in a process of its own, each side of a comparison in a fresh
process. A figure alone says little on a borrowed machine, so each stands beside a reference.
"""
