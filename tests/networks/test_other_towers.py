"""Text towers that are not CLIP's own, from token ids, since their tokenizers cannot be fetched.

The oracles are open_clip's classes and clip-server's M-CLIP on the same file; for CN-CLIP, whose
package `cn_clip` is not among our dependencies, transformers' ChineseCLIPModel with the file's
tensors under its names.
"""

import gc
from unittest import mock

import numpy as np
import pytest
import torch
import transformers
from clip_server.model import mclip_model
from open_clip.model import CLIP, CustomTextCLIP

from clipbench import registry
from clipbench.networks.architectures import TEXT_CONFIGS, config_of_architecture
from clipbench.networks.families import Weights, family_of
from clipbench.networks.token_batches import pad
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from clipbench.weights.checkpoints import read
from tests.networks.chinese_clip import as_chinese_clip
from tests.networks.cpu_recorder import UnderCapture
from tests.networks.files import (
    cnclip_shapes,
    encoder_shapes,
    mclip_shapes,
    openai_state,
    save_torchscript,
    state_of,
    visual_shapes,
    without_initialisation,
)
from tests.networks.stock import cosines

LENGTHS = (2, 7, 31, 52)


def tokens(name):
    """ids and mask of texts of several lengths, for a tower of transformers."""
    config = TEXT_CONFIGS[name]
    rng = np.random.default_rng(0)
    rows = [rng.integers(5, config["vocab_size"], length).tolist() for length in LENGTHS]
    ids, mask = pad(rows, config["pad_token_id"])
    return torch.from_numpy(ids), torch.from_numpy(mask)


def pixels(side):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def assert_equal(ours, theirs):
    assert ours.shape == theirs.shape
    assert cosines(ours, theirs).min() >= 0.99999
    assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()


def from_config(name, **options):
    config = transformers.AutoConfig.for_model(**TEXT_CONFIGS[name])
    return transformers.AutoModel.from_config(config, **options)


def save(state, path):
    """In halves above a gigabyte, for the disk's sake: both sides read the same file."""
    if sum(tensor.numel() for tensor in state.values()) > 250e6:
        state = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    torch.save(state, path)


def build(name, **paths):
    info = registry.find(name)
    return built(info, {role: read(path).state for role, path in paths.items()})


def built(info, states, activation=None):
    return family_of(info).build(Weights(info, states, activation=activation))


@pytest.fixture(autouse=True)
def free_memory():
    yield
    gc.collect()


FULL_SIZE = [pytest.mark.full_size, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(params=["two layers", pytest.param("full size", marks=FULL_SIZE)])
def text_tower(request, monkeypatch):
    """Text towers at full width, with two layers and few words; `make test-full-size` runs all."""
    if request.param == "two layers":
        for name, config in TEXT_CONFIGS.items():
            small = config | {"num_hidden_layers": 2, "vocab_size": 2000}
            monkeypatch.setitem(TEXT_CONFIGS, name, small)


@pytest.mark.usefixtures("text_tower")
@pytest.mark.parametrize(
    "name",
    [
        "roberta-ViT-B-32::laion2b-s12b-b32k",
        "xlm-roberta-base-ViT-B-32::laion5b-s13b-b90k",
    ],
)
@torch.inference_mode()
def test_roberta_towers_are_open_clip_s(name, tmp_path):
    info = registry.find(name)
    text = config_of_architecture(info.architecture)["text_cfg"]["hf_model_name"]
    width, dim = TEXT_CONFIGS[text]["hidden_size"], info.embed_dim
    shapes = visual_shapes(info.architecture) | encoder_shapes(text, "text.transformer.")
    hidden = (width + dim) // 2
    shapes |= {"text.proj.0.weight": (hidden, width), "text.proj.2.weight": (dim, hidden)}
    path = tmp_path / "open_clip_pytorch_model.bin"
    state = state_of(shapes)
    positions = state.pop("text.transformer.embeddings.position_ids")
    save(state, path)
    del state
    (ids, mask), images = tokens(text), pixels(info.image_size)
    hf_config = transformers.AutoConfig.for_model(**TEXT_CONFIGS[text])
    with (
        without_initialisation(),
        mock.patch("open_clip.hf_model.AutoConfig.from_pretrained", return_value=hf_config),
        mock.patch("open_clip.hf_model.AutoModel.from_pretrained", from_config_of(text)),
    ):
        config = config_of_architecture(info.architecture)
        oracle = CustomTextCLIP(**config).eval()
    oracle.load_state_dict(read(path).state)
    theirs = oracle.encode_image(images), oracle.encode_text(ids)
    del oracle
    gc.collect()
    # files of older versions of transformers hold the positions as well
    older = dict(read(path).state) | {"text.transformer.embeddings.position_ids": positions}
    ours = built(info, {"towers": older})
    assert_equal(ours.images(images), theirs[0])
    assert_equal(ours.texts(ids, mask), theirs[1])


def from_config_of(name):
    return lambda _name, **options: from_config(name, **options)


@pytest.mark.usefixtures("text_tower")
@pytest.mark.parametrize("name", ["M-CLIP/XLM-Roberta-Large-Vit-B-32"])
@torch.inference_mode()
def test_m_clip_is_clip_server_s_pair(name, tmp_path):
    info = registry.find(name)
    text, images_from = info.text_architecture, registry.find(info.image_model)
    width = TEXT_CONFIGS[text]["hidden_size"]
    text_path, image_path = tmp_path / "pytorch_model.bin", tmp_path / "ViT.pt"
    save(state_of(mclip_shapes(info)), text_path)
    if images_from.pretrained == "openai":
        save_torchscript(openai_state(images_from.architecture), image_path)
    else:
        config = config_of_architecture(images_from.architecture)
        with torch.device("meta"):
            all_shapes = {n: t.shape for n, t in CLIP(**config).state_dict().items()}
        save(state_of(all_shapes), image_path)
    (ids, mask), images = tokens(text), pixels(info.image_size)
    config = mclip_model.MCLIPConfig(text, width, info.embed_dim)
    with (
        without_initialisation(),
        mock.patch("transformers.AutoModel.from_pretrained", from_config_of(text)),
    ):
        oracle = mclip_model.MultilingualCLIP(config).eval()
    oracle.load_state_dict(read(text_path).state)
    of_texts = oracle(input_ids=ids, attention_mask=mask)
    del oracle
    gc.collect()
    with without_initialisation():
        oracle = CLIP(**config_of_architecture(images_from.architecture)).eval()
    problems = oracle.load_state_dict(read(image_path).state, strict=False)  # three numbers more
    assert not problems.missing_keys
    of_images = oracle.encode_image(images)
    del oracle
    gc.collect()
    read_both = {"text": read(text_path).state, "towers": read(image_path).state}
    ours = built(info, read_both, activation=images_from.stock_activation)
    assert_equal(ours.images(images), of_images)
    assert_equal(ours.texts(ids, mask), of_texts)


def cnclip_state(info):
    return state_of(cnclip_shapes(info))


@pytest.mark.usefixtures("text_tower")
@pytest.mark.parametrize("name", ["CN-CLIP/ViT-B-16"])
@torch.inference_mode()
def test_cn_clip_is_transformers_chinese_clip(name, tmp_path):
    info = registry.find(name)
    path = tmp_path / "clip_cn.pt"
    state = cnclip_state(info)
    save({f"module.{n}": t for n, t in state.items()}, path)
    vision = config_of_architecture(info.architecture)["vision_cfg"]
    config = transformers.ChineseCLIPConfig(
        text_config=TEXT_CONFIGS[info.text_architecture],
        vision_config={
            "hidden_size": vision["width"],
            "intermediate_size": vision["width"] * 4,
            "num_hidden_layers": vision["layers"],
            "num_attention_heads": vision["width"] // vision.get("head_width", 64),
            "image_size": info.image_size,
            "patch_size": vision["patch_size"],
        },
        projection_dim=info.embed_dim,
    )
    with without_initialisation():
        oracle = transformers.ChineseCLIPModel(config).eval()
    problems = oracle.load_state_dict(as_chinese_clip(dict(read(path).state)), strict=False)
    assert not problems.unexpected_keys
    assert not [n for n in problems.missing_keys if "pooler" not in n]
    (ids, mask), images = tokens(info.text_architecture), pixels(info.image_size)
    vision_out = oracle.vision_model(pixel_values=images)
    of_images = oracle.visual_projection(vision_out[1])
    text_out = oracle.text_model(input_ids=ids, attention_mask=mask)
    of_texts = oracle.text_projection(text_out[0][:, 0])
    del oracle
    gc.collect()
    ours = build(name, towers=path)
    assert_equal(ours.images(images), of_images)
    assert_equal(ours.texts(ids, mask), of_texts)


@torch.inference_mode()
def test_cn_clip_s_resnet_is_clip_server_s_beside_three_layers_of_bert(tmp_path):
    info = registry.find("CN-CLIP/RN50")
    path = tmp_path / "clip_cn_rn50.pt"
    state = cnclip_state(info)
    torch.save({"epoch": 1, "state_dict": {f"module.{n}": t for n, t in state.items()}}, path)
    (ids, mask), images = tokens("chinese-rbt3"), pixels(224)
    with without_initialisation():
        visual = CLIP(**config_of_architecture("RN50")).visual.eval()
        bert = from_config("chinese-rbt3", add_pooling_layer=False).eval()
    visual.load_state_dict({n[7:]: t for n, t in state.items() if n.startswith("visual.")})
    bert.load_state_dict({n[5:]: t for n, t in state.items() if n.startswith("bert.")})
    ours = build("CN-CLIP/RN50", towers=path)
    assert_equal(ours.images(images), visual(images))
    first = bert(input_ids=ids, attention_mask=mask)[0][:, 0]
    assert_equal(ours.texts(ids, mask), first @ state["text_projection"])


@torch.inference_mode()
def test_padding_of_a_bidirectional_tower_changes_nothing(tmp_path):
    path = tmp_path / "clip_cn_rn50.pt"
    torch.save(cnclip_state(registry.find("CN-CLIP/RN50")), path)
    ours = build("CN-CLIP/RN50", towers=path)
    ids, mask = tokens("chinese-rbt3")
    together = ours.texts(ids, mask)
    for row, length in enumerate(LENGTHS):
        with UnderCapture():  # a text alone needs no mask, and its numbers tell as much
            alone = ours.texts(ids[row : row + 1, :length], mask[row : row + 1, :length])
        assert (alone[0] - together[row]).abs().max() <= 2e-6 * together.abs().max()


def test_the_encoder_finds_the_tokenizer_beside_the_weights(tmp_path, images):
    info = registry.find("CN-CLIP/RN50")
    path = tmp_path / info.folder / "clip_cn_rn50.pt"
    path.parent.mkdir()
    torch.save(cnclip_state(info), path)
    folder = tmp_path / "tokenizers" / "bert-base-chinese"
    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"一二三四五六七八九十"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    encoder = Encoder(EncoderSettings(cache=tmp_path, offline=True))
    texts = ["一二三", "十" * 80, "九"]
    done = encoder.encode_texts(info.name, EncodeOptions(), texts)
    assert done.truncated == (1,)
    towers_alone = build(info.name, towers=path)
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    with torch.inference_mode():
        expected = towers_alone.texts(ids, torch.ones_like(ids))
    assert cosines(done.embeddings[:1], expected).min() >= 0.99999
    assert encoder.encode_images(info.name, EncodeOptions(), images).embeddings.shape == (3, 1024)
    assert encoder.describe(info.name, EncodeOptions()).context_length == 52
    encoder.close()
