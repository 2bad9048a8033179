"""open_clip's models are in the table as open_clip has them, but for the listed exceptions."""

import json
import subprocess
import sys

import open_clip
import pytest
from open_clip.factory import get_model_config
from open_clip.pretrained import _PRETRAINED

from clipbench import registry
from clipbench.errors import InvalidRequest
from clipbench.networks import open_clip_data

# What our table states otherwise than open_clip 3.3.0, and why.
EXCEPTIONS = {
    ("ViT-B-16-plus-240::laion400m_e32", "hub"): "open_clip names the repository of e31",
}
NAMES = [f"{architecture}::{tag}" for architecture, tag in open_clip.list_pretrained()]


def own(name):
    architecture, tag = name.split("::")
    return get_model_config(architecture), _PRETRAINED[architecture][tag]


def test_every_name_of_open_clip_finds_a_model_in_either_spelling():
    assert len(NAMES) >= 196
    for name in NAMES:
        architecture, tag = name.split("::")
        info = registry.find(name)
        assert registry.find(f"{architecture}::{tag.replace('_', '-')}") is info
        assert info.architecture == architecture.removesuffix("-quickgelu")


def test_a_quickgelu_architecture_is_another_spelling_of_the_same_weights():
    twins = [name for name in NAMES if "-quickgelu::" in name]
    assert len(twins) == 27
    for name in twins:
        info = registry.find(name)
        assert info is registry.find(name.replace("-quickgelu", ""))
        assert info.activation == "quickgelu"
        assert name in info.aliases


@pytest.mark.parametrize("name", NAMES)
def test_pixels_and_texts_are_as_open_clip_makes_them(name):
    info, (config, stated) = registry.find(name), own(name)
    text = config["text_cfg"]
    assert (info.mean, info.std) == (tuple(stated["mean"]), tuple(stated["std"]))
    assert info.interpolation == stated["interpolation"]
    assert info.resize_mode == stated["resize_mode"]
    assert info.image_size == config["vision_cfg"]["image_size"]
    assert info.embed_dim == config["embed_dim"]
    assert info.context_length == text.get("context_length", 77)
    assert info.tokenizer == text.get("hf_tokenizer_name", "clip")
    quick = stated.get("quick_gelu", False) or config.get("quick_gelu", False)
    assert (info.activation == "quickgelu") is quick
    hubs = {source.address for source in info.files[0].sources if source.kind == "hub"}
    theirs = stated["hf_hub"].rpartition("/")[0]
    assert hubs == ({theirs} if theirs else set()) or (info.name, "hub") in EXCEPTIONS


def test_the_list_of_exceptions_is_true():
    [source, *_] = registry.find("ViT-B-16-plus-240::laion400m_e32").files[0].sources
    assert source.address.endswith("e32")
    assert "e31" in own("ViT-B-16-plus-240::laion400m_e32")[1]["hf_hub"]


def test_reading_open_clip_s_data_imports_neither_it_nor_torch():
    code = (
        "import sys; from clipbench import registry; registry.all_models();"
        "print(sorted({'torch', 'open_clip', 'transformers', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_open_clip_the_table_of_the_wheel_gives_the_same_models(tmp_path, monkeypatch):
    installed = open_clip_data.open_clip_data()
    table = tmp_path / "open_clip.json"
    monkeypatch.setattr(open_clip_data, "find_spec", lambda name: None)
    monkeypatch.setattr(open_clip_data, "TABLE", table)
    read = open_clip_data.open_clip_data.__wrapped__  # not the one that is remembered
    with pytest.raises(InvalidRequest, match="pip install open_clip_torch"):
        read()
    table.write_text(installed.as_text())
    assert read() == installed
    assert json.loads(installed.as_text())["version"] == open_clip.__version__
