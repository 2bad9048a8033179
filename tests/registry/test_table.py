"""The table has every published model, and finds each by all the names that people write."""

import json
from pathlib import Path

import pytest
from clip_server.model.pretrained_models import (
    _CNCLIP_MODELS,
    _MULTILINGUALCLIP_MODELS,
    _OPENCLIP_MODELS,
    _VISUAL_MODEL_IMAGE_SIZE,
)

from clipbench import registry
from clipbench.errors import InvalidRequest, UnknownName
from clipbench.networks.architectures import config_of_architecture

ALL = registry.all_models()


def test_the_29_published_models_are_there():
    assert sum(info.published for info in ALL) == 29


@pytest.mark.parametrize(
    "name", [*_OPENCLIP_MODELS, *_MULTILINGUALCLIP_MODELS, *_CNCLIP_MODELS], ids=str
)
def test_every_name_of_clip_server_is_found(name):
    info = registry.find(name)
    assert info.name == name or name in info.aliases


@pytest.mark.parametrize("name", [n for n in _OPENCLIP_MODELS if "::" in n])
def test_file_and_md5_are_clip_server_s(name):
    filename, md5 = _OPENCLIP_MODELS[name]
    (file,) = registry.find(name).files
    assert (filename, md5) in {(source.filename, source.md5) for source in file.sources}


def test_no_checksum_is_of_a_file_that_clip_server_does_not_know():
    known = set(_OPENCLIP_MODELS.values())
    for info in ALL:
        for source in (source for file in info.files for source in file.sources if source.md5):
            assert (source.filename, source.md5) in known


@pytest.mark.parametrize("written", ["laion2b-s34b-b79k", "laion2b_s34b_b79k"])
def test_hyphens_and_underscores_find_the_same(written):
    assert registry.find(f"ViT-B-32::{written}").name == "ViT-B-32::laion2b-s34b-b79k"


def test_every_spelling_finds_one_model_only():
    spellings = [spelling for info in ALL for spelling in info.spellings]
    assert len(spellings) == len(set(spellings))


def test_an_unknown_name_says_what_is_near():
    with pytest.raises(UnknownName, match="ViT-B-32"):
        registry.find("ViT-B-32::laion2b")


@pytest.mark.parametrize("architecture", sorted(_VISUAL_MODEL_IMAGE_SIZE))
def test_image_sizes_are_those_that_clip_server_knows(architecture):
    sizes = {info.image_size for info in ALL if info.architecture == architecture}
    assert sizes <= {_VISUAL_MODEL_IMAGE_SIZE[architecture]}


def test_the_activation_is_what_the_weights_were_trained_with():
    named = [info for info in ALL if info.name in _OPENCLIP_MODELS]
    quick = {info.name for info in named if info.activation == "quickgelu" and "::" in info.name}
    expected = {info.name for info in ALL if info.pretrained == "openai"}
    expected |= {f"ViT-B-32::laion400m_e{n}" for n in (31, 32)}
    expected |= {"RN50::yfcc15m", "RN50::cc12m", "RN101::yfcc15m"}
    expected |= {"roberta-ViT-B-32::laion2b-s12b-b32k"}
    assert quick == expected


def test_the_published_rows_of_quickgelu_weights_ran_with_gelu():
    differing = {info.name for info in ALL if info.published_activation != info.activation}
    assert differing == {
        "ViT-B-32::laion400m_e31",
        "ViT-B-32::laion400m_e32",
        "RN50::yfcc15m",
        "RN50::cc12m",
        "RN101::yfcc15m",
    }


def test_a_checksum_is_a_whole_one_or_open_clip_s_eight_digits():
    for info in ALL:
        for source in (source for file in info.files for source in file.sources):
            assert source.md5 is None or len(source.md5) == 32
            assert source.sha256 is None or len(source.sha256) in (8, 64)


def test_an_operator_s_checkpoint_joins_the_table():
    own = registry.packaged().with_checkpoint(
        "ours", Path("x.pt"), architecture="ViT-B-32-quickgelu"
    )
    info = own.find("ours")
    assert (info.image_size, info.embed_dim, info.activation) == (224, 512, "quickgelu")
    with pytest.raises(UnknownName):
        registry.find("ours")


def test_an_operator_s_architecture_may_be_a_config_file(tmp_path):
    config = {"model_cfg": {**config_of_architecture("ViT-B-32"), "embed_dim": 77}}
    path = tmp_path / "shape.json"
    path.write_text(json.dumps(config))
    own = registry.packaged().with_checkpoint("ours", Path("x"), architecture=str(path))
    assert own.find("ours").embed_dim == 77


@pytest.mark.parametrize("text", ["{", "[]", '{"embed_dim": 1}'])
def test_a_config_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "shape.json"
    path.write_text(text)
    with pytest.raises(InvalidRequest):
        registry.packaged().with_checkpoint("ours", Path("x"), architecture=str(path))


def test_an_operator_s_checkpoint_takes_no_name_away():
    with pytest.raises(InvalidRequest, match="already"):
        registry.packaged().with_checkpoint("RN50", Path("x"), architecture="RN50")
    with pytest.raises(UnknownName):
        registry.packaged().with_checkpoint("ours", Path("x"), architecture="../../ViT")
