"""Embeddings that our encoder did not make: of an endpoint, or of a file."""
