"""`python -m benchmarks.gpu`: everything about one card, in one run without a network."""
