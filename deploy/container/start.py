"""Jina's command line in a container: JSON log lines, and a SIGTERM that lets requests end.

python deploy/container/start.py executor --native --uses executors/encoder/config.yml …
"""

from __future__ import annotations

import os
import warnings

from clipbench.jina_changes import containers
from clipbench.profiling import log_json_lines

GRACE = 45.0  # seconds for the requests being answered; compose kills after 60


def main() -> None:
    """Run `jina ARGUMENTS`."""
    os.environ["JINA_LOG_CONFIG"] = "json"
    warnings.simplefilter("ignore", UserWarning)  # of packages about other packages
    log_json_lines()
    containers.drain_on_shutdown(GRACE)
    containers.run_command_line()


if __name__ == "__main__":
    main()
