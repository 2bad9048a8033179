"""Access control: tokens, roles and rate limits. The gateway uses it; it does not import Jina."""
