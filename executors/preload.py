"""Modules that the fork server imports once for the gateway and the small Executors.

Their processes are forked from it: each starts in a fraction of a second and shares these pages.
PyTorch is left out: only the encoder needs it.
"""

import gc
import importlib
import sqlite3  # noqa: F401

import docarray.document.pydantic_model  # noqa: F401
import filelock  # noqa: F401

import clipbench.executors.gateway.gateway  # noqa: F401
from clipbench.roles import EXECUTORS

for role in EXECUTORS:
    if role.image == "slim":
        importlib.import_module(f"clipbench.executors.{role.name}.executor")

gc.freeze()  # a collection would write to every page and so copy it
