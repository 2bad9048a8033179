"""The build puts what open_clip publishes into the wheel, for clients without open_clip, and the
commit that it is built from."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

ROOT = Path(__file__).resolve().parent
NO_OPEN_CLIP = (
    "a wheel holds the table of open_clip's models, and open_clip is not beside this build: "
    "use `make wheel`, or `pip wheel --no-deps --no-build-isolation .` where it is installed"
)


class BuildWithModels(build_py):
    """Writes `clipbench/networks/open_clip.json`, from open_clip or the tree's, and the commit."""

    def run(self) -> None:
        """Raises SetupError where there is neither."""
        if self.editable_mode:  # reads the installed open_clip
            super().run()
            return
        sys.path.insert(0, str(ROOT))
        sys.dont_write_bytecode = True  # what is imported here is the tree that is packed
        from clipbench.environment import WHEEL_COMMIT, commit
        from clipbench.errors import InvalidRequest
        from clipbench.networks.open_clip_data import TABLE, open_clip_data

        try:
            table = open_clip_data().as_text()
        except InvalidRequest:
            raise SetupError(NO_OPEN_CLIP) from None
        super().run()
        files = {TABLE: table, WHEEL_COMMIT: commit() or ""}
        for path, text in files.items():
            if text:
                (Path(self.build_lib) / path.relative_to(ROOT)).write_text(text, "utf-8")


setup(cmdclass={"build_py": BuildWithModels})
