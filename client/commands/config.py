"""`clipbench config`: the settings in force."""

from __future__ import annotations

from dataclasses import asdict

from clipbench import config
from clipbench.client.commands.common import console


def show_config() -> None:
    """Print the settings in force, each with the environment variable that changes it.

    Example: CLIPBENCH_DEVICE=cuda:1 clipbench config
    """
    for name, value in asdict(config.load()).items():
        console.print(f"{config.PREFIX}{name.upper()}={value}")
