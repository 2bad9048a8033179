"""Runs the real `clip_benchmark eval` on a folder of shards with given weights.

    python -m tests.parity.clip_benchmark_cli CONFIG.json WEIGHTS SHARDS TASK OUTPUT.json [K ...]

CONFIG.json is an open_clip model configuration, WEIGHTS its parameters (.safetensors, or .pt with
a state dict), SHARDS a folder in the `wds` layout, TASK zeroshot_classification or
zeroshot_retrieval. The model is registered with open_clip under the configuration's file name and
loaded from a local file, in float32 (`--no_amp`), and nothing is fetched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests import environments
from tests.parity import compatibility


def evaluate(
    config: Path,
    weights: Path,
    shards: Path,
    task: str,
    *,
    cutoffs: Sequence[int] = (1, 5, 10),
    split: str = "test",
    batch_size: int = 64,
) -> dict[str, float]:
    """clip_benchmark's metrics, from a process of its own; raises when the process fails."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "metrics.json"
        arguments = [str(config), str(weights), str(shards), task, str(output), split]
        run = subprocess.run(
            [sys.executable, "-m", __spec__.name, *arguments, str(batch_size), *map(str, cutoffs)],
            cwd=environments.ROOT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
        )
        if run.returncode:
            raise RuntimeError(f"clip_benchmark failed:\n{run.stdout[-2000:]}{run.stderr[-4000:]}")
        return dict(json.loads(output.read_text())["metrics"])


def checkpoint(weights: Path, folder: str) -> Path:
    """open_clip reads a .pt; safetensors are written as one, in float32."""
    import torch

    if weights.suffix != ".safetensors":
        return weights
    from safetensors.torch import load_file

    converted = Path(folder) / f"{weights.stem}.pt"
    torch.save({name: value.float() for name, value in load_file(weights).items()}, converted)
    return converted


def main(arguments: Sequence[str]) -> None:
    config, weights, shards, task, output, split, batch_size, *cutoffs = arguments
    sys.path.append(str(environments.ready(environments.CLIP_BENCHMARK)))
    compatibility.apply()
    import open_clip
    from clip_benchmark import cli

    open_clip.add_model_config(Path(config))
    with tempfile.TemporaryDirectory() as scratch:
        sys.argv = [
            *("clip_benchmark", "eval", "--no_amp", "--num_workers", "0"),
            *("--dataset", "wds/parity", "--dataset_root", shards, "--split", split),
            *("--task", task, "--output", output, "--batch_size", batch_size),
            *("--model", Path(config).stem),
            *("--pretrained", str(checkpoint(Path(weights), scratch))),
            *("--recall_k", *(cutoffs or ["1", "5", "10"])),
        ]
        cli.main()


if __name__ == "__main__":
    main(sys.argv[1:])
