"""The client: streams data sets through the Flow and writes result files.

from client import evaluate

result = evaluate("ViT-mini-16-64::embedded", "fashion_mnist", server="grpc://127.0.0.1:51000")
print(result.metrics["acc1"])
"""

from client.benchmark import Options, evaluate
from client.connection import Connection

__all__ = ["Connection", "Options", "evaluate"]
