"""clip_benchmark is on the import path from here on, after everything of our own environment."""

import sys

from tests import environments

from . import compatibility

sys.path.append(str(environments.ready(environments.CLIP_BENCHMARK)))
compatibility.apply()
