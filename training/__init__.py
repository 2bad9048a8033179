"""How the embedded data sets and the embedded models were made; nothing here runs in the service."""
