"""The public endpoints follow clip-server, jobs follow the checkpoint."""

from __future__ import annotations

import pytest

from clipbench.contract.parameters import ModelOptions
from clipbench.encoding.jobs import encode_options
from clipbench.encoding.public import options_of
from clipbench.errors import InvalidRequest
from clipbench.models.encoder import Encoder, EncoderSettings
from clipbench.models.options import Normalisation
from clipbench.models.registry import Activation


@pytest.fixture
def encoder(tmp_path):
    encoder = Encoder(EncoderSettings(cache=tmp_path, offline=True))
    yield encoder
    encoder.close()


def test_encode_runs_what_clip_server_runs(encoder):
    options = options_of(encoder, "ViT-B-32::openai", {})
    assert options.activation is Activation.GELU
    assert options.normalisation is Normalisation.OPENAI


def test_a_job_runs_the_checkpoint_as_it_was_trained():
    options = encode_options(ModelOptions("ViT-B-32::openai"))
    assert options.activation is None
    assert options.normalisation is Normalisation.OWN


def test_a_parameter_of_encode_chooses_otherwise(encoder):
    chosen = {"activation": "quickgelu", "normalisation": "own"}
    options = options_of(encoder, "ViT-B-32::openai", chosen)
    assert options.activation is Activation.QUICKGELU
    assert options.normalisation is Normalisation.OWN


def test_an_activation_that_does_not_exist_is_refused(encoder):
    with pytest.raises(InvalidRequest, match="activation"):
        options_of(encoder, "ViT-B-32::openai", {"activation": "relu"})
