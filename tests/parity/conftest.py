"""clip_benchmark is on the import path from here on, after everything of our own environment."""

import sys

from . import compatibility, environment

sys.path.append(str(environment.ready()))
compatibility.apply()
