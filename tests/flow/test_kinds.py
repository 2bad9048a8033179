"""Each kind of open_clip's models through the whole chain, at small size, with random weights.

Pulled from a server that speaks the hub's protocol, served by one Flow, run on a part of the
embedded data, measured, and reported. The reference is open_clip's own model of the same folder.
"""

from __future__ import annotations

import io

import numpy as np
import open_clip
import pytest
import torch
from docarray import Document
from PIL import Image

from clipbench import results
from clipbench.client import load, statistics
from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.client.commands.stats import measure_fresh
from clipbench.client.connection import Connection
from clipbench.client.saturation import saturation
from clipbench.contract.endpoints import encode_endpoint
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import open_dataset
from clipbench.download import Patience, file_digest
from clipbench.report import build, render
from clipbench.weights import own
from clipbench.weights.hub import pull_repository
from clipbench.weights.sources import Sources
from tests.download.web import Site, serve
from tests.flow.flow_server import FlowServer
from tests.networks import kinds
from tests.networks.kind_settings import KINDS
from tests.networks.kinds import TEXTS
from tests.networks.stock import cosines
from tests.pictures import encoded, picture

pytestmark = pytest.mark.slow
HASTE = Patience(first_pause=0, longest_pause=0)
PICTURES = [encoded(picture(220 - 30 * n, 90 + 40 * n, n), "PNG") for n in range(3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("kinds")
    kinds.write(root)
    return root


@pytest.fixture(scope="module")
def hub(folder):
    """A repository for each kind; of the first body of each weights the half comes."""
    with serve(Site(headers={"ETag": '"one"'})) as site:
        for name in KINDS:
            files = {p.name: p.read_bytes() for p in (folder / name).iterdir()}
            shape = files.pop("text_config.json", None)
            if shape is not None:
                of_text = KINDS[name]["model_cfg"]["text_cfg"]["hf_model_name"]
                site.publish(of_text, {"config.json": shape})
            ours = ("open_clip_config.json", "open_clip_model.safetensors")
            site.publish(f"tests/{name}", {n: files[n] for n in ours})
            site.publish(f"tests/{name}-texts", {n: d for n, d in files.items() if n not in ours})
        site.faults_of = {place: ["cut"] for place in site.redirects.values()}
        yield site


@pytest.fixture(scope="module")
def pulled(hub, folder, tmp_path_factory):
    """The repositories on this disk, by kind."""
    where = Sources(tmp_path_factory.mktemp("pulled"), endpoint=hub.address, patience=HASTE)
    return {name: pull_repository(where, f"tests/{name}") for name in KINDS}


@pytest.fixture(scope="module")
def served(pulled, tmp_path_factory):
    """One Flow with every kind, and the folder of its results."""
    checkpoints = [own.parse(one.setting, one.config.parent)[0] for one in pulled.values()]
    settings = {"CLIPBENCH_CHECKPOINTS": own.as_text(checkpoints)}
    with FlowServer(tmp_path_factory.mktemp("chain") / "state", settings) as flow:
        yield flow


@pytest.fixture(scope="module")
def connection(served):
    with Connection(served.address, retry_seconds=30) as opened:
        yield opened


@pytest.mark.parametrize("name", KINDS)
def test_a_pull_is_resumed_and_has_the_hub_s_digest(name, pulled, hub, folder):
    weights = pulled[name].weights
    digest = file_digest(folder / name / weights.name, "sha256")
    assert file_digest(weights, "sha256") == digest
    asked = [header for path, header in hub.requests if path == f"/large/{digest}"]
    assert asked == [None, f"bytes={weights.stat().st_size // 2}-"]


@pytest.fixture
def few_requests(monkeypatch):
    """Statistics of a handful of documents: that there are some matters here, not what they say."""
    for name in ("BATCH", "IN_FLIGHT", "REPEATS", "_WARM_UP"):
        monkeypatch.setattr(load, name, 1)
    monkeypatch.setattr(load, "SINGLES", 4)
    monkeypatch.setattr(statistics, "IN_FLIGHT", 1)
    at_start = lambda rates, start: saturation(rates, start, most=start)  # noqa: E731
    monkeypatch.setattr(statistics, "saturation", at_start)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.usefixtures("few_requests")
@torch.inference_mode()
def test_a_kind_is_encoded_as_open_clip_does_and_has_its_rows_in_the_report(
    name, folder, connection, tmp_path
):
    theirs, transform = kinds.reference(folder / name)
    theirs.eval()
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder / name}")
    pixels = torch.stack([transform(Image.open(io.BytesIO(data))) for data in PICTURES])
    documents = [Document(blob=data) for data in PICTURES] + [Document(text=t) for t in TEXTS]
    answered = connection.request(encode_endpoint(name), documents, {}).embeddings
    expected = torch.cat([theirs.encode_image(pixels), theirs.encode_text(tokenize(TEXTS))])
    assert cosines(np.asarray(answered), expected.numpy()).min() >= 0.99999

    for data in ("fashion_mnist", "emoji"):
        part = open_dataset(data, sample=6)
        result = evaluate(name, part, server=connection, options=JobOptions(folder=tmp_path))
        assert (result.documents.counted, result.documents.refused) != (0, 0)
    measured = measure_fresh(connection, ModelOptions(name), seconds=0.01)
    results.write_statistics(measured, tmp_path)

    report = build(results.load_all(tmp_path), results.load_all_statistics(tmp_path))
    for table in (report.classification, report.retrieval, report.statistics):
        assert [row.label for row in table.rows] == [name]
    assert render(report, "markdown").count(name) >= 3
