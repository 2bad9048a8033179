"""Parity with LAION's clip_benchmark: its own functions and its own command, on the same input."""
