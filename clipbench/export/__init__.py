"""What others build on: a kustomize base for Kubernetes, a bill of materials, an audit."""
