"""Serving: models by name, loaded on first use; images and texts in, embeddings out."""
