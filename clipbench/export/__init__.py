"""Exports for other tools: a kustomize base for Kubernetes, a bill of materials, an audit."""
