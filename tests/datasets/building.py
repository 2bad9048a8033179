"""Builds small data sets of known content in each layout."""

from __future__ import annotations

import csv
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def png(number: int) -> bytes:
    """A PNG of one pixel whose colour is the number."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0" + number.to_bytes(3), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def tar(members: Iterable[tuple[str, bytes]], *, ended: bool = True) -> bytes:
    """A tar file of these members, with or without its end-of-archive mark."""
    buffer = io.BytesIO()
    for name, data in members:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        buffer.write(info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512))
    return buffer.getvalue() + (bytes(1024) if ended else b"")


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    """The files below the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be a link to a file of another test
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def wds(
    folder: Path,
    shards: Sequence[bytes],
    *,
    kind: str | None = None,
    classnames: str | None = None,
    templates: str | None = None,
    split: str = "test",
) -> Path:
    """A wds folder with these shards."""
    files: dict[str, bytes | str] = {f"{split}/{n}.tar": shard for n, shard in enumerate(shards)}
    files[f"{split}/nshards.txt"] = f"{len(shards)}\n"
    for name, text in (
        ("dataset_type.txt", kind),
        ("classnames.txt", classnames),
        ("zeroshot_classification_templates.txt", templates),
    ):
        if text is not None:
            files[name] = text
    return write(folder, files)


def labelled_shard(labels: Iterable[int], first: int = 0) -> bytes:
    """A shard of images with `.cls` members."""
    return tar(
        part
        for number, label in enumerate(labels, start=first)
        for part in ((f"s{number:07d}.png", png(number)), (f"s{number:07d}.cls", b"%d" % label))
    )


def captioned_shard(captions: Iterable[Sequence[str]], first: int = 0) -> bytes:
    """A shard of images with `.txt` members."""
    return tar(
        part
        for number, texts in enumerate(captions, start=first)
        for part in (
            (f"s{number:07d}.png", png(number)),
            (f"s{number:07d}.txt", "\n".join(texts).encode()),
        )
    )


def class_folders(folder: Path, labels: Sequence[int], split: str = "test") -> Path:
    """A folder per class, below a folder for the split."""
    return write(folder, {f"{split}/{label}/{n:05d}.png": png(n) for n, label in enumerate(labels)})


def captions_beside(folder: Path, captions: Sequence[Sequence[str]]) -> Path:
    """Images with a .txt beside each."""
    files: dict[str, bytes | str] = {f"{n:05d}.png": png(n) for n in range(len(captions))}
    return write(folder, files | {f"{n:05d}.txt": "\n".join(c) for n, c in enumerate(captions)})


def csv_table(folder: Path, captions: Sequence[Sequence[str]], delimiter: str = ",") -> Path:
    """A CSV whose captions of one image are far apart."""
    write(folder, {f"images/{n:05d}.png": png(n) for n in range(len(captions))})
    rounds = range(max(map(len, captions)))
    rows = [(f"{n:05d}.png", c[r]) for r in rounds for n, c in enumerate(captions) if r < len(c)]
    with (folder / "captions.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([("image", "caption"), *rows])
    return folder


def parquet(
    folder: Path,
    *,
    labels: Sequence[object] | None = None,
    names: Sequence[str] = (),
    captions: Sequence[object] | None = None,
    split: str = "test",
    part: int = 0,
    rows_per_group: int = 100,
) -> Path:
    """A Parquet file as the `datasets` library writes it."""
    column, values = ("label", labels) if labels is not None else ("caption", captions)
    assert values is not None
    images = [{"bytes": png(n), "path": f"{n}.png"} for n in range(len(values))]
    table = pa.table({"image": images, column: list(values)})
    if names:
        feature: dict[str, object] = {"names": list(names), "_type": "ClassLabel"}
        if isinstance(values[0], list):
            feature = {"feature": feature, "_type": "Sequence"}
        info = {"info": {"features": {"image": {"_type": "Image"}, "label": feature}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{split}-{part:05d}-of-00002.parquet"
    target.unlink(missing_ok=True)
    pq.write_table(table, target, row_group_size=rows_per_group, compression="none")
    return folder


def flickr(folder: Path, captions: Sequence[Sequence[str]], form: str = "captions.txt") -> Path:
    """A Flickr folder with one of its captions files."""
    write(folder, {f"Images/{n}.jpg": png(n) for n in range(len(captions))})
    pairs = [(n, i, text) for n, texts in enumerate(captions) for i, text in enumerate(texts)]
    if form.endswith(".token"):
        lines = [f"{n}.jpg#{i}\t{text}" for n, i, text in pairs]
    elif form == "results.csv":
        lines = [
            "image_name| comment_number| comment",
            *(f"{n}.jpg| {i}| {t}" for n, i, t in pairs),
        ]
    else:
        lines = ["image,caption", *(f"{n}.jpg,{text}" for n, _, text in pairs)]
    return write(folder, {form: "\n".join(lines) + "\n"})


def coco(folder: Path, captions: Sequence[Sequence[str]]) -> Path:
    """A COCO folder with a Karpathy file that holds other splits too."""
    name = "COCO_val2014_{:012d}.jpg"
    write(folder, {f"val2014/{name.format(n)}": png(n) for n in range(len(captions))})
    images = [
        {
            "filepath": "val2014",
            "sentids": list(range(len(texts))),
            "filename": name.format(n),
            "imgid": n,
            "split": "test",
            "sentences": [{"tokens": text.split(), "raw": text} for text in texts],
        }
        for n, texts in enumerate(captions)
    ]
    others = [dict(image, split=split) for split in ("train", "val") for image in images[:1]]
    text = json.dumps({"images": [*others, *images], "dataset": "coco"})
    return write(folder, {"dataset_coco.json": text})
