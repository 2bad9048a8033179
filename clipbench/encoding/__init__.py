"""From a request's documents to embeddings: the public endpoints and the benchmark jobs."""
