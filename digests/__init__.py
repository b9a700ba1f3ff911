"""Dated digests of a newsletter: planned, curated, proofed, approved, handed over, archived.

May import every app below. Main words: plan, digest, pick, proof.
"""
