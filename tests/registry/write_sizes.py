"""Counts parameters and operations of every model's towers, for `clipbench/registry/sizes.toml`.

    python -m tests.registry.write_sizes

On the meta device, without weights: parameters as they run, MobileCLIP's branches merged;
operations of open_clip's own forward pass of one image, and of one text of the context's length.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from clipbench import registry
from clipbench.networks.families import Weights, family_of
from clipbench.networks.token_batches import TokenLayout, arrange
from tests.networks.files import meta_checkpoint, open_clip_model

TARGET = Path(registry.__file__).with_name("sizes.toml")
HEAD = """\
# Parameters of each tower, and its GFLOPs for one image or one text of the context's length: a
# multiplication and an addition are two. Images by architecture; texts by architecture, or by the
# name of a model whose text tower is its own. Written by `python -m tests.registry.write_sizes`.

"""


def parameters(module):
    return sum(p.numel() for n, p in module.named_parameters() if not n.endswith("logit_scale"))


def gflops(run, *inputs):
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        run(*inputs)
    return float(f"{counter.get_total_flops() / 1e9:.3g}")


def measured(info):
    """((parameters, GFLOPs) of the image tower, the same of the text tower)."""
    family = family_of(info)
    with torch.device("meta"):
        towers = family.build(Weights(info, meta_checkpoint(info)))
        pixels = torch.zeros(1, 3, info.image_size, info.image_size)
        ids = torch.zeros(1, info.context_length, dtype=torch.int64)
        images = parameters(towers.images), gflops(towers.images.visual, pixels)
        layout = family.layout(info)
        if layout is TokenLayout.MASKED:  # with a mask transformers would look at its values
            encoder = getattr(towers.texts, "transformer", None) or towers.texts.bert
            texts = gflops(lambda ids: encoder(input_ids=ids), ids)
        elif info.pretrained != "embedded":
            whole = open_clip_model(info.architecture).eval()
            texts = gflops(whole.encode_text, ids)
        else:
            rows = [[*range(1, info.context_length + 1)]]
            batch = arrange(rows, layout, 0, info.context_length)
            texts = gflops(towers.texts, *(torch.from_numpy(part).to("meta") for part in batch))
    return images, (parameters(towers.texts), texts)


def main():
    images, texts = {}, {}
    for info in registry.all_models():
        key = info.name if info.text_architecture else info.architecture
        if key not in texts:
            image, texts[key] = measured(info)
            images.setdefault(info.architecture, image)
            print(key, image, texts[key], file=sys.stderr, flush=True)
    lines = [HEAD]
    for title, table in (("image", images), ("text", texts)):
        rows = (f'"{key}" = [{count}, {work}]\n' for key, (count, work) in sorted(table.items()))
        lines += [f"[{title}]\n", *rows, "\n"]
    TARGET.write_text("".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
