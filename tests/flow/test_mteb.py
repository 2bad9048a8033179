"""MTEB scores our `/v1/embeddings` through its endpoint wrapper as a job scores the model.

The wrapper sends images: `messages` of PNG `data:` URIs, a batch of conversations a request. It
sends texts the same way.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys

import pytest

from clipbench.client import evaluate
from clipbench.datasets import Image, open_dataset
from tests.conftest import MODEL
from tests.environments import MTEB, ROOT, ready

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_mteb_finds_the_accuracy_of_a_job(flow, tmp_path):
    data = open_dataset("fashion_mnist", sample=40, templates=["a photo of a {c}."])
    images = [item for item in data.documents() if isinstance(item, Image)]
    given = {
        "url": flow.http,
        "model": MODEL,
        "images": [base64.b64encode(image.data).decode() for image in images],
        "labels": [image.labels[0] for image in images],
        "prompts": [f"a photo of a {name}." for name in data.classnames],
    }
    answer = subprocess.run(
        [sys.executable, "-m", "tests.flow.mteb_task"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ
        | {
            "PYTHONPATH": f"{ready(MTEB)}{os.pathsep}{ROOT}",
            "HF_HOME": str(tmp_path),
            "MTEB_CACHE": str(tmp_path),
            "HF_HUB_OFFLINE": "1",
        },
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    result = evaluate(MODEL, data, server=flow.address)
    assert json.loads(answer.stdout)["accuracy"] == pytest.approx(result.metrics["acc1"])
