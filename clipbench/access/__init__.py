"""Who may do what: tokens, roles and rates. The gateway asks; nothing here knows of Jina."""
