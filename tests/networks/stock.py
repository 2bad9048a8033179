"""clip-server's own towers as the oracle: they read the very file that we read.

They are subclasses of open_clip 2.8's, so they run in a process of their own with that version
first on the import path. Its transform and its tokenizer run in ours.

Run as a program, it reads one request a line and answers each with a line. One patch:
`download_model` gives the file's path, since the real one compares the MD5 of a published
checkpoint and random weights have another.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from clipbench import registry
from tests import environments

PEER = environments.CLIP_SERVER


def environment() -> dict[str, str]:
    """The variables of a process whose open_clip is clip-server's."""
    path = os.pathsep.join([str(environments.ready(PEER)), str(environments.ROOT)])
    return os.environ | {"PYTHONPATH": path}


@contextmanager
def reads(path: Path) -> Iterator[None]:
    """clip-server takes its weights from `path`. Only in a process of `environment`."""
    from clip_server.model import openclip_model

    from tests.networks.files import without_initialisation

    with (
        mock.patch.object(openclip_model, "download_model", return_value=str(path)),
        without_initialisation(),
    ):
        yield


class Oracle:
    """clip-server's CLIPModel in its own process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", __name__],
            cwd=environments.ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def encode(
        self, name: str, path: Path, images: Sequence[bytes], texts: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings (n, d) of encoded images and of texts."""
        import torch
        from clip_server.model.clip import _transform_blob
        from clip_server.model.tokenization import Tokenizer

        transform = _transform_blob(registry.find(name).image_size)
        pixels = torch.stack([transform(data) for data in images])
        with tempfile.TemporaryDirectory() as folder:
            inputs, outputs = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
            np.savez(inputs, pixels=pixels, ids=Tokenizer(name)(list(texts))["input_ids"])
            print(
                json.dumps([name, str(path), str(inputs), str(outputs)]),
                file=self._process.stdin,
                flush=True,
            )
            assert self._process.stdout.readline() == "done\n", "clip-server's process ended"
            made = np.load(outputs)
            return made["images"], made["texts"]

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def serve() -> None:
    """Answers requests until the input ends."""
    import torch
    from clip_server.model.clip_model import CLIPModel

    for line in sys.stdin:
        name, path, inputs, outputs = json.loads(line)
        with reads(path):
            model = CLIPModel(name)
        given = np.load(inputs)
        with torch.inference_mode():
            images = model.encode_image(torch.from_numpy(given["pixels"])).numpy()
            texts = model.encode_text(torch.from_numpy(given["ids"])).numpy()
        np.savez(outputs, images=images, texts=texts)
        del model
        gc.collect()
        print("done", flush=True)


def cosines(ours, theirs):
    """Row by row, in float64."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / norms


if __name__ == "__main__":
    serve()
