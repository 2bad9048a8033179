"""The client: streams data sets through the Flow and writes result files.

from clipbench.client import evaluate

result = evaluate("ViT-mini-16-64::embedded", "fashion_mnist", server="grpc://127.0.0.1:51000")
print(result.metrics["acc1"])
"""

import os
import warnings

# before jina is imported anywhere
os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
os.environ.setdefault("JINA_HIDE_SURVEY", "1")
os.environ.setdefault("JINA_MP_START_METHOD", "spawn")
os.environ.setdefault("JINA_DEFAULT_HOST", "127.0.0.1")
os.environ.setdefault("NO_VERSION_CHECK", "1")
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
warnings.filterwarnings("ignore", message="multiprocessing start method is set")
warnings.filterwarnings("ignore", message=r"invalid escape|.*is an invalid escape sequence")
warnings.filterwarnings("ignore", message="Please ensure all the inputs are valid")

from clipbench.client.benchmark import JobOptions, evaluate  # noqa: E402
from clipbench.client.connection import Connection  # noqa: E402
from clipbench.client.given.endpoint import Endpoint  # noqa: E402
from clipbench.client.given.file import EmbeddingFile  # noqa: E402

__all__ = ["Connection", "EmbeddingFile", "Endpoint", "JobOptions", "evaluate"]
