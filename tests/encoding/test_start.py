"""What the encoder imports: nothing that no CLIP model runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENCODE = """
import io, sys
import clipbench.executors.encoder.executor
from PIL import Image
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
encoder = Encoder(EncoderSettings())
picture = io.BytesIO()
Image.new("RGB", (20, 30)).save(picture, "png")
model = "ViT-nano-16-64::embedded"
assert encoder.encode_images(model, EncodeOptions(), [picture.getvalue()]).embeddings.shape[0] == 1
assert encoder.encode_texts(model, EncodeOptions(), ["a red apple"]).embeddings.shape[0] == 1
print(*(name for name in ("torch._dynamo", "triton", "sympy", "transformers", "timm", "onnxruntime")
        if name in sys.modules))
"""
TIMM = """
import clipbench.executors.encoder.executor
import torch
from clipbench.networks.building import bare_visual
from clipbench.networks.families.custom_text import TimmModel
vision = {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "avg"}
tower = bare_visual({"embed_dim": 8, "vision_cfg": vision}, torch.float32)
print(isinstance(tower, TimmModel), tuple(tower(torch.zeros(1, 3, 160, 160)).shape))
"""
AFTERWARDS = """
import clipbench.executors.encoder.executor
import torch, transformers
from torchvision.ops import roi_align
from torch._dynamo.utils import is_compile_supported
assert is_compile_supported.__module__ == "torch._dynamo.utils", is_compile_supported
boxes = [torch.tensor([[0.0, 0.0, 4.0, 4.0]])]
print(tuple(roi_align(torch.ones(1, 1, 8, 8), boxes, 2).shape), transformers.__name__)
"""


def output(program: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_a_model_runs_without_compilers_and_other_libraries():
    assert output(ENCODE) == "\n"


@pytest.mark.slow
def test_what_was_left_out_can_be_imported_afterwards():
    assert output(AFTERWARDS) == "(1, 1, 2, 2) transformers\n"


@pytest.mark.slow
def test_an_image_tower_of_timm_is_built_though_open_clip_was_imported_without_timm():
    assert output(TIMM) == "True (1, 8)\n"
