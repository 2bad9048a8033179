"""A repository of the hub becomes weights of one's own; what it lacks or hides is named."""

import json
import shlex

import pytest
from typer.testing import CliRunner

from clipbench import registry
from clipbench.client.commands import models
from clipbench.download import Patience
from clipbench.errors import CheckpointError, InvalidRequest
from clipbench.networks.architectures import BESIDE
from clipbench.weights import own
from clipbench.weights.hub import pull_repository
from clipbench.weights.sources import Sources
from tests.download.web import Site, serve
from tests.networks.kind_settings import KINDS, TEXT_SHAPES

CLIP = json.dumps(KINDS["clip"]).encode()
NLLB = json.dumps(KINDS["nllb"]).encode()
WEIGHTS = {"open_clip_pytorch_model.bin": b"weights"}


@pytest.fixture
def hub(tmp_path):
    with serve(Site()) as site:
        yield site


@pytest.fixture
def where(hub, tmp_path):
    return Sources(tmp_path, endpoint=hub.address, patience=Patience(1, 1, 0, 0))


def test_the_setting_that_is_printed_serves_the_repository(hub, tmp_path, monkeypatch):
    hub.publish("me/my.model", {"open_clip_config.json": CLIP, **WEIGHTS})
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    told = CliRunner().invoke(
        models.app, ["pull", "hf-hub:me/my.model", "--weights", str(tmp_path / "a folder, = this")]
    )
    assert told.exit_code == 0, told.output
    setting, *command = shlex.split(told.output.partition("serve it: ")[2])
    assert command == ["clipbench", "serve"]
    name, _, value = setting.partition("=")
    assert name == "CLIPBENCH_CHECKPOINTS"
    [found] = own.parse(value, tmp_path)
    assert (found.name, found.path.read_bytes()) == ("my.model", b"weights")
    monkeypatch.setenv(name, value)
    info = CliRunner().invoke(models.app, ["info", "my.model"])
    assert "48 dimensions" in info.output


def test_a_text_tower_brings_its_shape_and_its_tokenizer(hub, where):
    hub.publish("me/nllb", {"open_clip_config.json": NLLB, **WEIGHTS})
    shape = TEXT_SHAPES["small-nllb"]
    hub.publish("small-nllb", {"config.json": json.dumps(shape | {"auto_map": {}}).encode()})
    hub.publish("tests/nllb-texts", {"tokenizer.json": b"{}"})
    pulled = pull_repository(where, "me/nllb")
    model = registry.packaged().with_checkpoint(
        "mine", pulled.weights, architecture=str(pulled.config)
    )
    text = model.find("mine").config["text_cfg"]
    assert text[BESIDE]["vocab_size"] == 300
    assert "auto_map" not in text[BESIDE]
    assert (pulled.config.parent / "tokenizer.json").is_file()
    hub.requests.clear()
    offline = Sources(where.cache, offline=True)
    assert pull_repository(offline, "me/nllb") == pulled
    assert not hub.requests


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "has no open_clip_config.json"),
        ({"open_clip_config.json": CLIP}, "has no open_clip_model.safetensors or"),
        ({"open_clip_config.json": NLLB, **WEIGHTS}, "hf-hub:small-nllb has no config.json"),
        ({"open_clip_config.json": b" " * 2_000_000}, "the limit is 1,048,576"),
    ],
)
def test_what_a_repository_lacks_is_named(hub, where, files, told):
    hub.publish("me/half", files)
    with pytest.raises(CheckpointError, match=told):
        pull_repository(where, "me/half")


@pytest.mark.parametrize(
    "name", ["", "alone", "../etc/passwd", "a/..", "a/b/c", "a/b?x=1", "a/b@c"]
)
def test_another_name_is_refused(where, name):
    with pytest.raises(InvalidRequest, match="ORG/NAME"):
        pull_repository(where, name)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "gpt2"}, "model_type"),
        ({"vocab_size": 1 << 40}, "vocab_size"),
        ({"encoder_layers": 5000}, "encoder_layers"),
        ({"d_model": [1]}, "d_model"),
    ],
)
def test_a_shape_out_of_bounds_is_refused(hub, where, change, told):
    hub.publish("me/odd", {"open_clip_config.json": NLLB, **WEIGHTS})
    shape = json.dumps(TEXT_SHAPES["small-nllb"] | change).encode()
    hub.publish("small-nllb", {"config.json": shape})
    with pytest.raises(InvalidRequest, match=told):
        pull_repository(where, "me/odd")
