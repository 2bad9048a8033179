"""The two things that clip_benchmark 1.6.2 needs to run on our environment; its code is untouched.

NumPy 2.4 no longer turns an array of one element into a number, which `accuracy` asks of `float`:
the module gets a `float` that does. Its captioning task imports pycocoevalcap (100 MB of Java):
empty modules stand for it, and captioning is never run.
"""

from __future__ import annotations

import sys
import types

import numpy as np

CAPTIONING = {
    "tokenizer.ptbtokenizer": "PTBTokenizer",
    "bleu.bleu": "Bleu",
    "meteor.meteor": "Meteor",
    "rouge.rouge": "Rouge",
    "cider.cider": "Cider",
    "spice.spice": "Spice",
}


def apply() -> None:
    """To be called once clip_benchmark is on the import path, before it is used."""
    for name, scorer in CAPTIONING.items():
        path = f"pycocoevalcap.{name}".split(".")
        for length in range(1, len(path) + 1):
            module = ".".join(path[:length])
            sys.modules.setdefault(module, types.ModuleType(module))
        setattr(sys.modules[".".join(path)], scorer, None)
    from clip_benchmark.metrics import zeroshot_classification

    zeroshot_classification.float = _number


def _number(value: object) -> float:
    return float(np.asarray(value).item())
