"""Small pictures and texts of the documents that a page shows, from the user's own data."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from clipbench.datasets import Dataset, Image, Text, open_dataset
from clipbench.errors import ClipbenchError
from clipbench.report.mistakes import Look, Mistake, MistakeSet

SIDE = 112  # pixels of the longer side
QUALITY = 70


def looking(root: Path | None = None) -> Look:
    """A `Look` that reads the data set where the result says it was read, never the network.

    A data set that is not on this machine any more gives no pictures, and the page shows ids.
    """

    def look(found: MistakeSet, documents: Sequence[Mistake]) -> Mapping[str, tuple[str, str]]:
        dataset = local_dataset(found, root)
        return {} if dataset is None else shown(dataset, documents)

    return look


def local_dataset(found: MistakeSet, root: Path | None = None) -> Dataset | None:
    """The data set of `found` from this machine: its source if it is a path, else by its id."""
    specs: list[str | Path] = [found.dataset]
    if found.source and Path(found.source).exists():
        specs.insert(0, Path(found.source))
    for spec in specs:
        try:
            return open_dataset(
                spec, split=found.split, root=root, language=found.language, offline=True
            )
        except ClipbenchError:
            continue
    return None


def shown(dataset: Dataset, documents: Sequence[Mistake]) -> dict[str, tuple[str, str]]:
    """By document id: a data URI of its image, and its text. Reads until all are found."""
    images = {doc.image_id: "" for doc in documents}
    texts = {
        _text_id(dataset, doc): "" for doc in documents if doc.kind == "text" or dataset.composed
    }
    missing = {*images, *texts}
    for document in dataset.documents():
        if isinstance(document, Image) and document.id in images:
            images[document.id] = data_uri(document.data)
            missing.discard(document.id)
        elif isinstance(document, Text) and document.id in texts:
            texts[document.id] = document.text
            missing.discard(document.id)
        if not missing:
            break
    return {
        doc.id: (images[doc.image_id], texts.get(_text_id(dataset, doc), "")) for doc in documents
    }


def _text_id(dataset: Dataset, document: Mistake) -> str:
    """Of the text to show: the document's own, or the caption of an image that chose another."""
    return f"{document.id}#0" if dataset.composed else document.id


def data_uri(data: bytes) -> str:
    """The image made small, as a data URI; empty where it cannot be decoded."""
    from PIL import Image as Picture

    from clipbench.pixels.pillow import UNREADABLE, open_image

    try:
        with open_image(data) as picture:
            picture.draft("RGB", (SIDE * 2, SIDE * 2))
            small = picture.convert("RGBA")
    except UNREADABLE:
        return ""
    small.thumbnail((SIDE, SIDE))
    paper = Picture.new("RGB", small.size, "white")
    paper.paste(small, mask=small.getchannel("A"))
    file = io.BytesIO()
    paper.save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
