"""Breaks each guard of the engine once, in a copy of the checkout, and sees that the test named beside it turns red."""
