"""CLIP models, data sets, prompts, metrics and the wire contract: what client and server share."""

__version__ = "0.1.0"
