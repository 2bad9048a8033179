"""The API `/v1/embeddings` as OpenAI's clients, vLLM and infinity speak it: JSON in, JSON out."""

from clipbench.embeddings_api.answer import ApiError, answer_body, error_body, models_body
from clipbench.embeddings_api.request import EmbeddingsRequest, Input

PREFIX = "/v1/"
"""Of every path of the API."""

__all__ = [
    "PREFIX",
    "ApiError",
    "EmbeddingsRequest",
    "Input",
    "answer_body",
    "error_body",
    "models_body",
]
