"""A server and a folder in which the commands of the pages can be typed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipbench.client import JobOptions, evaluate
from clipbench.datasets import open_dataset
from clipbench.embedded import WEIGHTS
from clipbench.results import interchange, load_all
from tests.flow.flow_server import FlowServer


@pytest.fixture(scope="session")
def documented_server(tmp_path_factory) -> Iterator[FlowServer]:
    """A Flow with one model of the operator's own, as docs/add.md shows it."""
    own = f"tuned={WEIGHTS / 'nano.json'}={WEIGHTS / 'nano.safetensors'}"
    state = tmp_path_factory.mktemp("documented") / "state"
    with FlowServer(state, {"CLIPBENCH_CHECKPOINTS": own}) as server:
        yield server


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Pictures of two classes, as a newcomer has them, and `apple.jpg`."""
    made = tmp_path_factory.mktemp("newcomer")
    random = np.random.default_rng(0)
    for name, hue in (("red_apple", (200, 30, 30)), ("green_leaf", (30, 160, 40))):
        (made / "my-images" / name).mkdir(parents=True)
        for number in range(6):
            noise = random.integers(-25, 25, (48, 64, 3))
            pixels = np.clip(np.array(hue) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(made / "my-images" / name / f"{number}.jpg")
    shutil.copy(made / "my-images/red_apple/0.jpg", made / "apple.jpg")
    return made


def write_features(folder: Path) -> None:
    """Embeddings of the pictures, as another program has them."""
    data = open_dataset(folder / "my-images")
    prompts = np.eye(2, 8, dtype=np.float32).repeat(len(data.templates), axis=0)
    np.savez(folder / "features.npz", images=np.eye(12, 8, dtype=np.float32) + 1, prompts=prompts)


@pytest.fixture(scope="session")
def measured(folder, documented_server):
    """Results under the names that the pages use."""
    sample = open_dataset("emoji", sample=40)
    for name in ("base", "tuned"):
        options = JobOptions(folder=folder / "results" / name)
        evaluate("ViT-nano-16-64::embedded", sample, server=documented_server.address,
                 options=options)  # fmt: skip
    evaluate("tuned", folder / "my-images", server=documented_server.address,
             options=JobOptions(folder=folder / "results"))  # fmt: skip
    (one,) = (folder / "results").glob("*.result.json")
    for name in ("results/one.result.json", "old.result.json", "new.result.json"):
        shutil.copy(one, folder / name)
    one.unlink()
    write_features(folder)
    (folder / "benchmark.csv").write_text(interchange.write_csv(load_all(folder / "results")))
    return folder


@pytest.fixture
def inside(folder, documented_server, monkeypatch) -> Path:
    """The folder as the working directory, with the server's address in the environment."""
    for name in [name for name in os.environ if name.startswith("CLIPBENCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLIPBENCH_SERVER", documented_server.address)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(folder)
    return folder
