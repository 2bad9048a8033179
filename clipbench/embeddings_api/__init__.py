"""The API `/v1/embeddings` as OpenAI's clients, vLLM and infinity speak it: JSON in, JSON out."""
