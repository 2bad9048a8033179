"""From an image's bytes to the pixels that a tower sees: decoded on threads, resized on a device.

The pixels are those of `PillowPixels` with the same settings, to the bit. libjpeg-turbo decodes a
JPEG file in colour without the interpreter's lock, when its header is one that Pillow takes. A file
that it warns of, and every other format and colour mode, Pillow decodes, or refuses.
With `Decoding.GPU` the device decodes plain JPEG files, whose pixels then differ (docs/models.md).
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
import PIL
import torch
from PIL import Image as Pillow
from PIL import ImageFile
from torch import Tensor

from clipbench.encode_settings import Convert, Decoding
from clipbench.errors import Unsupported
from clipbench.pixels import exact_resize, turbo
from clipbench.pixels.exact_resize import Resize
from clipbench.pixels.geometry import Placement, place
from clipbench.pixels.jpeg_header import plain_size
from clipbench.pixels.pillow import PillowPixels
from clipbench.pixels.preprocessing import Batch, ImageData, Map, RefusedImage

_LARGEST = 4 << 20  # pixels; a larger image takes Pillow longer than the interpreter's lock costs
_AT_ONCE = 32  # images whose full-size pixels are held
_GROUP_BYTES = 256 << 20  # of a group's padded images in float64
_END = b"\xff\xd9"  # of a JPEG file
_ARITHMETIC = re.compile(rb"\xff[\xc9\xca]")  # the frame of a JPEG file in arithmetic coding
_WASTE = 1.5  # of a group's padded pixels through its images'

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Decoded:
    """pixels: (h, w, 3) uint8, or a JPEG file's bytes (n,) that the device will decode.

    placed: how the pixels become the square; None: they are it.
    """

    pixels: Tensor
    placed: Placement | None


@dataclass(frozen=True)
class DevicePixels(PillowPixels):
    """Decodes on the CPU; the device resizes, crops or pads, and normalises.

    Only for settings that `on_device` chooses it for.
    """

    def prepare(self, images: Sequence[ImageData], device: torch.device, each: Map) -> Batch:
        """See `PixelSource`."""
        refused: list[RefusedImage | None] = []
        squares = []
        read = partial(self._read, pinned=device.type == "cuda")
        for start in range(0, len(images), _AT_ONCE):
            part = images[start : start + _AT_ONCE]
            found = self._decoded_on(device, part, list(each(read, part)))
            refused += [one if isinstance(one, RefusedImage) else None for one in found]
            decoded = [one for one in found if not isinstance(one, RefusedImage)]
            if decoded:
                squares.append(self._squares(decoded, device))
        return Batch(self.normalised(torch.cat(squares)) if squares else None, refused)

    def _read(self, data: ImageData, *, pinned: bool) -> _Decoded | RefusedImage:
        if self.decoding is Decoding.FULL and isinstance(data, bytes):
            pixels = self._unopened(data, pinned)
            if pixels is not None:
                return _Decoded(pixels, self._place(pixels))
        return self._guarded(data, lambda image: self._decoded(image, data, pinned))

    def _unopened(self, data: bytes, pinned: bool) -> Tensor | None:
        """(h, w, 3) uint8 of a file whose header needs no Pillow and whose size is allowed."""
        size = plain_size(data) if len(data) <= self.max_bytes else None
        if size is None or size[0] * size[1] > _LARGEST or self._too_large(size):
            return None
        return turbo.decode(data, size, pinned)

    def _decoded(self, image: Pillow.Image, data: ImageData, pinned: bool) -> _Decoded:
        width, height = image.size
        late = self.convert is Convert.AFTER and image.mode != "RGB"
        if late or width * height > _LARGEST:
            return _Decoded(_copied(self._fit(image), pinned), None)
        placed = place(width, height, self.side, self.resize_mode)
        if self.decoding is Decoding.GPU and isinstance(data, bytes) and _whole(image, data):
            return _Decoded(torch.frombuffer(bytearray(data), dtype=torch.uint8), placed)
        return _Decoded(_full_size(image, data, pinned), placed)

    def _decoded_on(
        self,
        device: torch.device,
        images: Sequence[ImageData],
        found: list[_Decoded | RefusedImage],
    ) -> list[_Decoded | RefusedImage]:
        """The same with the device's pixels of JPEG files; a file that it fails on is the CPU's."""
        waiting = {
            i: one
            for i, one in enumerate(found)
            if isinstance(one, _Decoded) and one.pixels.ndim == 1
        }
        decoded = _decode_jpegs([one.pixels for one in waiting.values()], device)
        for (i, one), pixels in zip(waiting.items(), decoded, strict=True):
            if pixels is not None and self._place(pixels) == one.placed:
                found[i] = replace(one, pixels=pixels)
            else:
                found[i] = replace(self, decoding=Decoding.FULL)._read(images[i], pinned=False)
        return found

    def _place(self, pixels: Tensor) -> Placement:
        return place(pixels.shape[1], pixels.shape[0], self.side, self.resize_mode)

    def _squares(self, decoded: Sequence[_Decoded], device: torch.device) -> Tensor:
        """(n, side, side, 3) uint8 on the device."""
        out = torch.full(
            (len(decoded), self.side, self.side, 3),
            self.fill_color,
            dtype=torch.uint8,
            device=device,
        )
        sent = [one.pixels.to(device, non_blocking=True) for one in decoded]
        parts = []
        for i, one in enumerate(decoded):
            if one.placed is None:
                out[i] = sent[i]
            else:
                parts.append((i, self._resize(one.placed, one.pixels)))
        for group in _groups(parts):
            resizes = [plan for _, (plan, _, _) in group]
            done = exact_resize.resize([sent[i] for i, _ in group], resizes, self.interpolation)
            for row, (i, (plan, top, left)) in zip(done, group, strict=True):
                out[i, top : top + plan.height, left : left + plan.width] = row
        return out

    def _resize(self, placed: Placement, pixels: Tensor) -> tuple[Resize, int, int]:
        """The resize to the part of the image in the square, and that part's top and left there."""
        width, height = placed.size
        left, top, right, bottom = placed.box
        x, y = max(0, left), max(0, top)
        kept = min(bottom, height) - y, min(right, width) - x
        source = int(pixels.shape[0]), int(pixels.shape[1])
        return Resize(source, (height, width), y, x, *kept), y - top, x - left


_Part = tuple[int, tuple[Resize, int, int]]


def _groups(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """Images of one size after the crop and of similar size before it, few enough for memory."""

    def order(part: _Part) -> tuple[int, ...]:
        plan = part[1][0]
        return plan.height, plan.width, plan.vertical_first, *plan.source

    group: list[_Part] = []
    for part in sorted(parts, key=order):
        if group and not _fit_together([plan for _, (plan, _, _) in [*group, part]]):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _fit_together(plans: Sequence[Resize]) -> bool:
    height = max(plan.source[0] for plan in plans)
    width = max(plan.source[1] for plan in plans)
    padded = len(plans) * height * width
    used = sum(plan.source[0] * plan.source[1] for plan in plans)
    first, last = plans[0], plans[-1]
    return (
        (first.height, first.width) == (last.height, last.width)
        and first.vertical_first == last.vertical_first
        and padded * 3 * 8 <= _GROUP_BYTES
        and padded <= _WASTE * used
    )


def _full_size(image: Pillow.Image, data: ImageData, pinned: bool) -> Tensor:
    """(h, w, 3) uint8 of an opened image, which Pillow decodes unless libjpeg-turbo does."""
    if isinstance(data, bytes) and _plain(image, data):
        pixels = turbo.decode(data, image.size, pinned)
        if pixels is not None:
            return pixels
    return _copied(image.convert("RGB"), pinned)


def _plain(image: Pillow.Image, data: bytes) -> bool:
    """Whether it is a JPEG file in colour that Pillow reads as well.

    Pillow reads in blocks, between which arithmetic coding cannot pause.
    """
    in_colour = image.format in ("JPEG", "MPO") and image.mode == "RGB"
    return in_colour and (len(data) <= ImageFile.MAXBLOCK or not _ARITHMETIC.search(data))


def _whole(image: Pillow.Image, data: bytes) -> bool:
    """Whether it is a plain JPEG file that was not cut off, and not progressive."""
    return _plain(image, data) and "progressive" not in image.info and data.endswith(_END)


def _decode_jpegs(files: Sequence[Tensor], device: torch.device) -> list[Tensor | None]:
    """(h, w, 3) uint8 on the device of each file, None where its decoder fails."""
    from torchvision.io import ImageReadMode, decode_jpeg  # only for those who ask for it

    if not files:
        return []
    try:
        decoded = decode_jpeg(list(files), mode=ImageReadMode.RGB, device=device)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        if len(files) == 1:
            return [None]
        return [one for file in files for one in _decode_jpegs([file], device)]
    return [planes.permute(1, 2, 0) for planes in decoded]


def _copied(image: Pillow.Image, pinned: bool) -> Tensor:
    pixels = torch.from_numpy(np.array(image))
    return pixels.pin_memory() if pinned else pixels


def on_device(pixels: PillowPixels, device: torch.device) -> PillowPixels:
    """The same settings carried out by the device where its pixels are Pillow's, else as given.

    Raises Unsupported for `Decoding.GPU` where the device cannot.
    """
    if pixels.decoding is Decoding.GPU:
        if device.type != "cuda":
            raise Unsupported(
                f"decoding gpu needs a GPU of NVIDIA, and this encoder runs on {device}: use full "
                "or scaled"
            )
        if not exact_resize.supports(pixels.interpolation):
            raise Unsupported(
                f"decoding gpu resizes by bicubic or bilinear, not by {pixels.interpolation}"
            )
        return _device_pixels(pixels)
    if pixels.decoding is not Decoding.FULL or not exact_resize.supports(pixels.interpolation):
        return pixels
    if not exact_resize.matches_pillow(pixels.interpolation, device):
        _tell(
            f"{device} does not resize ({pixels.interpolation}) as Pillow {PIL.__version__} "
            "does: Pillow resizes on the CPU"
        )
        return pixels
    return _device_pixels(pixels)


def _device_pixels(pixels: PillowPixels) -> DevicePixels:
    return DevicePixels(**{each.name: getattr(pixels, each.name) for each in fields(pixels)})


@functools.cache
def _tell(warning: str) -> None:
    """Log a warning once."""
    _log.warning("%s", warning)
