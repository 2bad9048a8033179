"""The build puts what open_clip publishes into the wheel, for clients without open_clip."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithModels(build_py):
    """Writes `clipbench/networks/open_clip.json` where open_clip is beside the building tools."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # reads the installed open_clip
            return
        sys.path.insert(0, str(ROOT))
        sys.dont_write_bytecode = True  # what is imported here is the tree that is packed
        from clipbench.errors import InvalidRequest
        from clipbench.networks.open_clip_data import TABLE, open_clip_data

        target = Path(self.build_lib) / TABLE.relative_to(ROOT)
        try:
            target.write_text(open_clip_data().as_text(), "utf-8")
        except InvalidRequest:
            self.warn("the wheel lists no models of open_clip: build it where open_clip is")


setup(cmdclass={"build_py": BuildWithModels})
