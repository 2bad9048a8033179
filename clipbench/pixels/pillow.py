"""From an image's bytes to the pixels that a tower sees, by Pillow.

An image becomes RGB, is resized and cropped or padded as the model's `resize_mode` says
(`clipbench.pixels.geometry`): CLIP_benchmark's order, which jobs use. With `Convert.AFTER` it
becomes RGB last, as in `clip_server.model.clip._transform_blob`, which `/encode` follows to the
last bit. As there, EXIF rotation is not applied and an animation is its first frame. What cannot be
used has a reason; nothing raises past `decode`.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from clipbench.contract import Reason
from clipbench.contract.formats import FORMATS, kind_of
from clipbench.encode_settings import Convert, Decoding, Interpolation
from clipbench.pixels.geometry import Placement, place
from clipbench.pixels.preprocessing import (
    Batch,
    ImageData,
    Map,
    Preprocessing,
    RefusedImage,
)

if TYPE_CHECKING:  # a client without torch checks images by this code
    import torch
    from torch import Tensor

# above 89 megapixels Pillow warns; the limit here is `Preprocessing.max_pixels`
warnings.filterwarnings("ignore", category=Pillow.DecompressionBombWarning)

T = TypeVar("T")
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Pillow raises of a damaged file; its reader of AVIF also RuntimeError."""

UNREADABLE = (*_DAMAGE, RuntimeError, Pillow.DecompressionBombError)
"""What it raises of any file that it does not read, for those who do nothing else meanwhile."""

Pixels = NDArray[np.uint8]


_SPARE = 3  # a fraction of a JPEG file has at least so many times the pixels of the resized side


_RESAMPLING = {
    Interpolation.BICUBIC: Pillow.Resampling.BICUBIC,
    Interpolation.BILINEAR: Pillow.Resampling.BILINEAR,
    Interpolation.LANCZOS: Pillow.Resampling.LANCZOS,
    Interpolation.NEAREST: Pillow.Resampling.NEAREST,
}


@dataclass(frozen=True)
class PillowPixels(Preprocessing):
    """Pillow decodes and resizes on the CPU; the device normalises."""

    def prepare(self, images: Sequence[ImageData], device: torch.device, each: Map) -> Batch:
        """See `PixelSource`."""
        decoded = list(each(self.decode, images))
        pixels = [image for image in decoded if not isinstance(image, RefusedImage)]
        refused = [image if isinstance(image, RefusedImage) else None for image in decoded]
        return Batch(self.normalise(pixels, device) if pixels else None, refused)

    def decode(self, data: ImageData) -> Pixels | RefusedImage:
        """(side, side, 3) pixels of an encoded image or of a (h, w[, channels]) array."""
        return self._guarded(data, lambda image: np.asarray(self._fit(image)))

    def refuse(self, data: bytes) -> RefusedImage | None:
        """Why the header of an encoded image shows that it has no pixels; they are not decoded."""
        found = self._guarded(data, lambda image: None)
        return found if isinstance(found, RefusedImage) else None

    def _guarded(self, data: ImageData, work: Callable[[Pillow.Image], T]) -> T | RefusedImage:
        """The result of `work` on the opened image, or the reason of its refusal."""
        size = len(data) if isinstance(data, bytes) else data.nbytes
        if size > self.max_bytes:
            return RefusedImage(
                Reason.IMAGE_TOO_LARGE, f"{size} bytes, the limit is {self.max_bytes}"
            )
        try:
            image = open_image(data) if isinstance(data, bytes) else _from_array(data)
            if too_large := self._too_large(image.size):
                return too_large
            return work(image)
        except Pillow.DecompressionBombError:  # of a limit of Pillow's own, above this one
            detail = f"more pixels than the limit of {self.max_pixels}"
            return RefusedImage(Reason.IMAGE_TOO_LARGE, detail)
        except UnidentifiedImageError:
            if isinstance(data, bytes) and kind_of(data):
                return RefusedImage(Reason.IMAGE_DAMAGED, "the image's header is damaged")
            known = ", ".join(FORMATS)
            return RefusedImage(Reason.NOT_AN_IMAGE, f"not an image in one of: {known}")
        except _NotAnImage as error:
            return RefusedImage(Reason.NOT_AN_IMAGE, str(error))
        except _DAMAGE as error:
            return _damaged(error)
        except RuntimeError as error:
            if isinstance(data, bytes) and _by_avif_reader(error, data):
                return _damaged(error)
            raise

    def _too_large(self, size: tuple[int, int]) -> RefusedImage | None:
        """A refusal where more pixels than the limit would be held: as given, or once resized."""
        resized = place(*size, self.side, self.resize_mode).size
        for (width, height), when in ((size, ""), (resized, " once resized")):
            if width * height > self.max_pixels:
                detail = f"{width} x {height} pixels{when}, the limit is {self.max_pixels}"
                return RefusedImage(Reason.IMAGE_TOO_LARGE, detail)
        return None

    def _fit(self, image: Pillow.Image) -> Pillow.Image:
        """The image resized and cut to the square, in RGB after or before that."""
        placed = place(*image.size, self.side, self.resize_mode)
        part = self._draft(image, placed.size) if placed.size != image.size else None
        if self.convert is Convert.BEFORE:
            image = image.convert("RGB")
        if placed.size != image.size or part:
            image = image.resize(placed.size, _RESAMPLING[self.interpolation], part)
        if not placed.is_whole:
            image = self._cut(image, placed)
        return image.convert("RGB")

    def _cut(self, image: Pillow.Image, placed: Placement) -> Pillow.Image:
        if not any(placed.padding):
            return image.crop(placed.box)
        bands = len(image.getbands())
        fill = self.fill_color if bands == 1 else (self.fill_color,) * bands
        return ImageOps.expand(image, placed.padding, fill)

    def _draft(
        self, image: Pillow.Image, size: tuple[int, int]
    ) -> tuple[float, float, float, float] | None:
        """Have as little of a JPEG file decoded as the resize to `size` allows.

        Returns what the picture takes of the decoded image, whose last row and column reach past
        it where its side is no multiple of the fraction; None is all of it. Colours stay the file's
        (grey, CMYK): only `convert` changes them. Formats other than JPEG have nothing to draft,
        and "nearest" would take single pixels where the fraction has means.
        """
        if self.decoding is not Decoding.SCALED or self.interpolation is Interpolation.NEAREST:
            return None
        drafted = image.draft(None, (_SPARE * size[0], _SPARE * size[1]))
        return drafted and drafted[1]

    def normalise(self, pixels: Sequence[Pixels], device: torch.device | None = None) -> Tensor:
        """(n, 3, side, side) float32 in channels-last layout on the device, from n images' pixels.

        The operations are ToTensor's and Normalize's, so that the result has the same bits. A GPU
        gets 8 bits a value, from pinned memory, while this thread goes on.
        """
        import torch

        device = device or torch.device("cpu")
        batch = torch.from_numpy(np.stack(pixels))
        if device.type == "cuda":
            batch = batch.pin_memory().to(device, non_blocking=True)
        return self.normalised(batch)

    def normalised(self, batch: Tensor) -> Tensor:
        """The same from (n, side, side, 3) uint8, on their device."""
        import torch

        # a tensor, since CUDA multiplies by the inverse of a number, which rounds differently
        full = torch.tensor(255.0, device=batch.device)
        # a row of the image at a time: broadcasting over three channels only is slow
        mean = torch.tensor(self.mean, device=batch.device).repeat(self.side)
        std = torch.tensor(self.std, device=batch.device).repeat(self.side)
        rows = batch.view(-1, self.side * 3).to(torch.float32).div_(full).sub_(mean).div_(std)
        return rows.view(batch.shape).permute(0, 3, 1, 2)


def open_image(data: bytes) -> Pillow.Image:
    """An image in one of `FORMATS`, of which the header is read. Raises what Pillow does."""
    return Pillow.open(io.BytesIO(data), formats=tuple(FORMATS))


def _damaged(error: Exception) -> RefusedImage:
    return RefusedImage(Reason.IMAGE_DAMAGED, str(error)[:200] or type(error).__name__)


def _by_avif_reader(error: RuntimeError, data: bytes) -> bool:
    """Whether Pillow's reader of AVIF raised it: a device's full memory has a class of its own."""
    return type(error) is RuntimeError and data[4:8] == b"ftyp"


class _NotAnImage(Exception):
    """An array that has no shape of an image."""


def _from_array(array: NDArray[np.generic]) -> Pillow.Image:
    """An image as clip-server reads a document's tensor: colour channels last, as 8 bits."""
    values = array.astype(np.uint8).squeeze()
    if values.ndim == 1 and values.size == 28 * 28:
        values = values.reshape(28, 28)
    if values.size and values.ndim == 2:
        return Pillow.fromarray(values).convert("L")
    if values.size and values.ndim == 3 and values.shape[2] in (2, 3, 4):
        return Pillow.fromarray(values).convert("RGB")
    raise _NotAnImage(f"an array of shape {array.shape} is no image: (height, width, 3) is")
