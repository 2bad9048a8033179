"""What the gateway and the small Executors import, for the server's fork server.

They are forked from a process that has imported this: each starts in a fraction of a second and
shares these pages. PyTorch is not among it: only the encoder needs it.
"""

import gc
import sqlite3  # noqa: F401

import docarray.document.pydantic_model  # noqa: F401
import filelock  # noqa: F401

import clipbench.executors.classification.executor
import clipbench.executors.gateway.gateway
import clipbench.executors.profiler.executor
import clipbench.executors.retrieval.executor  # noqa: F401

gc.freeze()  # a collection would write to every page and so copy it
