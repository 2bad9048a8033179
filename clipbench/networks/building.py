"""Modules without values, filled from a checkpoint.

They are open_clip's, so that a checkpoint's names fit. They take the checkpoint's tensors, so that
loading needs the weights once.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from open_clip import timm_model
from open_clip.model import CLIP
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from clipbench.errors import CheckpointError

State = Mapping[str, Tensor]
# Buffers that older versions of the libraries saved and that are computed here.
_IGNORED = ("input_resolution", "context_length", "vocab_size", "attn_mask", "text.attn_mask")
_INITIAL = (
    *(Tensor.normal_, Tensor.uniform_, init.normal_, init.uniform_),
    *(init.kaiming_uniform_, init.xavier_uniform_, init.trunc_normal_),
)


def bare_clip(config: Mapping[str, Any], dtype: torch.dtype) -> Any:
    """open_clip's CLIP without values; config in its form."""
    config = {name: value for name, value in config.items() if name != "custom_text"}
    import_timm(config)
    with without_values():
        return CLIP(**config, cast_dtype=dtype)


def import_timm(config: Mapping[str, Any]) -> None:
    """Lets open_clip's adapter find timm where the configuration names one of its networks.

    The encoder's start imports open_clip without timm, which takes a second. The adapter looks for
    it once, when its module is executed; executed again, the class that others hold finds it.
    """
    if "timm_model_name" in config.get("vision_cfg", {}) and timm_model.timm is None:
        importlib.reload(timm_model)


def bare_visual(config: Mapping[str, Any], dtype: torch.dtype) -> Any:
    """The image tower of open_clip's CLIP alone, without values."""
    return bare_clip({**config, "text_cfg": {"layers": 1}}, dtype).visual


def logit_scale(state: State) -> float:
    """The factor by which the model multiplies a cosine."""
    return float(state["logit_scale"].float().exp()) if "logit_scale" in state else 100.0


def logit_bias(state: State) -> float:
    """What the model adds to a scaled cosine; 0 of a model without one."""
    return float(state["logit_bias"].float()) if "logit_bias" in state else 0.0


class without_values(TorchFunctionMode):  # noqa: N801
    """Parameters are left as allocated: a page that nobody writes takes no memory.

    Not on the meta device, which computes in Python what has no kernel there, and imports
    PyTorch's compiler for it: 116 MB and a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Skip the random initialisers, which return the tensor that they are given first."""
        kwargs = kwargs or {}
        if func in _INITIAL:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def fill(module: nn.Module, state: State, name: str) -> None:
    """Gives the module the checkpoint's tensors as float32, without a copy where they are.

    name: the model's, for messages. Raises CheckpointError when the tensors are not the module's.
    """
    state = {n: t for n, t in state.items() if not _ignored(n)}
    expected = module.state_dict()
    wrong = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and state[key].shape != tensor.shape
    ]
    missing, extra = sorted(expected.keys() - state), sorted(state.keys() - expected)
    if wrong or missing or extra:
        problems = [*wrong[:3], *(f"{key} is missing" for key in missing[:3])]
        problems += [f"{key} is not of this architecture" for key in extra[:3]]
        raise CheckpointError(
            f"the weights of {name} do not fit its architecture: {'; '.join(problems)}"
        )
    floats = {
        key: tensor.float() if tensor.is_floating_point() else tensor
        for key, tensor in state.items()
    }
    module.load_state_dict(floats, assign=True)
    for child in module.modules():
        for key, buffer in child.named_buffers(recurse=False):
            if buffer.is_meta:
                setattr(child, key, _computed(key, buffer))


def _computed(name: str, buffer: Tensor) -> Tensor:
    """A buffer that checkpoints do not hold."""
    if name == "position_ids":
        return torch.arange(buffer.shape[-1]).expand(buffer.shape)
    return torch.zeros(buffer.shape, dtype=buffer.dtype)


def _ignored(name: str) -> bool:
    computed = name.endswith((".position_ids", ".token_type_ids"))
    return name in _IGNORED or computed or ".pooler." in name
