"""Stock clip-server with given weights: python stock_server.py WEIGHTS PORT.

Its check of the MD5 sum refuses weights that it does not know. `download_model` is replaced, and
nothing else: what it serves, it serves as installed.
"""

import sys

from clip_server.model import openclip_model

WEIGHTS = sys.argv[1]
MODEL = "ViT-B-32::laion2b_e16"


def local_weights(*_args: object, **_kwargs: object) -> str:
    """In the place of clip_server.model.pretrained_models.download_model."""
    return WEIGHTS


openclip_model.download_model = local_weights

if __name__ == "__main__":
    from clip_server.executors.clip_torch import CLIPEncoder
    from jina import Flow

    flow = Flow(port=int(sys.argv[2])).add(uses=CLIPEncoder, uses_with={"name": MODEL})
    with flow:
        print("listening", flush=True)
        flow.block()
