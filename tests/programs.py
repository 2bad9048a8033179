"""Programs that some tests need and that are no Python packages."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(program: str, package: str, path: str | None = None) -> str:
    """The path of a program; without it the test is skipped and says so, in CI it fails.

    `package` is Debian's, `path` further folders to look in.
    """
    found = shutil.which(program) or shutil.which(program, path=path)
    if found:
        return found
    message = f"needs {program}: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(f"{message} (a test that is skipped elsewhere fails in CI)")
    pytest.skip(message)
