"""Every architecture of open_clip that has weights loads by its configuration, without values."""

import logging

import pytest
import torch

from clipbench import registry
from clipbench.networks.families import Weights, family_of
from clipbench.networks.families.family import config_of
from clipbench.networks.token_batches import TokenLayout
from tests.networks.files import meta_checkpoint

MODELS = {info.architecture: info for info in registry.all_models() if not info.text_architecture}


@pytest.fixture
def one_large_model_at_a_time():
    """These have no values, and need not wait for those that do."""


@pytest.mark.slow
@pytest.mark.parametrize("architecture", MODELS)
def test_the_names_and_shapes_of_open_clip_s_own_model_fit(architecture, caplog):
    caplog.set_level(logging.ERROR)  # open_clip warns of weights that are not loaded
    info = MODELS[architecture]
    family = family_of(info)
    with torch.device("meta"):
        towers = family.build(Weights(info, meta_checkpoint(info)))
    parameters = sum(p.numel() for p in towers.texts.parameters())
    assert abs(parameters - info.text_parameters) <= 1
    assert sum(p.numel() for p in towers.images.parameters()) == info.image_parameters
    if config_of(info)["text_cfg"].get("no_causal_mask"):
        assert family.layout(info) is TokenLayout.WHOLE
