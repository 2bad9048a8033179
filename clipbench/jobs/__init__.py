"""Benchmark jobs: their state on disk and the evaluation of what was streamed. No Jina in here."""
