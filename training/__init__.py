"""How the embedded data sets and models were made; nothing here runs in the service."""
