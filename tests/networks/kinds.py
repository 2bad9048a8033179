"""Each kind of open_clip's models at small size, as a folder that open_clip itself reads.

A folder has random weights and, where the kind has one, a small tokenizer of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import open_clip
import timm
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from clipbench.networks.architectures import TEXT_CONFIGS
from tests.networks.files import state_of, without_initialisation
from tests.networks.kind_settings import EVA, KINDS, PE, TEXT_SHAPES, TOKENIZERS, VITAMIN

TEXTS = [
    "A photo of a cat.",
    "two_men & a DOG,  running!",
    "x",
    "a small red apple on a table " * 9,
]


FIRST = ("<pad>", "</s>", "<unk>")  # of the small tokenizers' tokens
AS_XLM_ROBERTA = ("<s>", *FIRST)  # whose padding is 1, which published text towers leave out


def write_tokenizer(folder, first=FIRST, **special):
    """A byte-pair tokenizer that ends a text with `</s>`."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=list(first), show_progress=False)
    tokenizer.train_from_iterator([text.lower() for text in TEXTS] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", first.index("</s>"))]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", **special
    ).save_pretrained(folder)


@contextmanager
def text_shapes():
    """open_clip finds the shapes of the text towers that it would ask the hub for."""
    from transformers import AutoConfig

    def from_pretrained(name, **_):
        return AutoConfig.for_model(**(TEXT_SHAPES | TEXT_CONFIGS)[name])

    with mock.patch.object(AutoConfig, "from_pretrained", from_pretrained):
        yield


@contextmanager
def shallow():
    """timm's larger networks have two blocks in this process, for the sake of time."""
    create = timm.create_model

    def create_model(name, **options):
        return create(name, **({"depth": 2} if name in _DEEP else {}), **options)

    with mock.patch.object(timm, "create_model", create_model):
        yield


_DEEP = [config["model_cfg"]["vision_cfg"]["timm_model_name"] for config in (EVA, PE, VITAMIN)]


def write(root: Path) -> None:
    """A folder for each kind in `root`."""
    for name, config in KINDS.items():
        write_folder(root / name, config, TOKENIZERS.get(name))


def write_folder(made: Path, config: Mapping[str, Any], special: Mapping[str, str] | None) -> None:
    """A folder as a hub repository has it, and beside it the shape of its small text tower.

    special: special tokens of its tokenizer; None for CLIP's own, which needs no file.
    """
    made.mkdir(parents=True)
    (made / "open_clip_config.json").write_text(json.dumps({"preprocess_cfg": {}} | config))
    with text_shapes(), torch.device("meta"), without_initialisation():
        model = open_clip.create_model(
            f"local-dir:{made}", load_weights=False, pretrained_text=False, device="meta"
        )
    state = state_of({n: t.shape for n, t in model.state_dict().items()})
    for key, tensor in state.items():
        if key.endswith("running_var"):
            tensor.fill_(4)  # sums of branches stay in float16's range, as trained ones do
    save_file(state, made / "open_clip_model.safetensors")
    shape = config["model_cfg"]["text_cfg"].get("hf_model_name")
    if special is not None:
        write_tokenizer(made, AS_XLM_ROBERTA if shape in TEXT_CONFIGS else FIRST, **special)
    if shape in TEXT_SHAPES:
        (made / "text_config.json").write_text(json.dumps(TEXT_SHAPES[shape]))


def reference(folder):
    """open_clip's model and transform of a folder."""
    with text_shapes(), without_initialisation():
        return open_clip.create_model_from_pretrained(f"local-dir:{folder}", pretrained_text=False)
