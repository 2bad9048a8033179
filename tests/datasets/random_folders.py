"""Random data folders of every layout, with what was put into them, and a walk of our own."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

GOOD = ("jpg", "JPEG", "jpe", "JFIF", "png", "Png", "webp", "gif", "bmp", "tif", "TIFF", "avif")
GOOD = (*GOOD, "ppm", "PGM")
FOREIGN = ("heic", "HEIC", "jxl", "svg", "psd", "ico", "dng")
OTHER = ("md", "json", "db", "xml", "py", "zip")
SPLITS = ("test", "Testing", "VAL", "train2017", "train", "Training", "valid_images")
CLASSES = ("cat", "dog", "a [red] one", "sch\u00f6n", "Golden_retriever", "[/b]", "x.y", "2")
WORDS = ("a ball", "two, or more", "caf\u00e9", "[bold]", 'a 5" screen', "\u65e5\u672c", "x" * 400)


@dataclass
class Made:
    """A data set that was built: how it is opened, and how many members and rows it holds."""

    path: Path
    layout: str
    members: int = 0
    rows: int = 0
    split: str | None = None


@cache
def pictures() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Files that a decoder takes, and files that it does not."""
    good = []
    for size in ((3, 5), (9, 4), (64, 64)):
        picture = Image.linear_gradient("L").resize(size).convert("RGB")
        for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"):
            good.append(_saved(picture, name))
        for mode in ("P", "RGBA", "LA", "L", "1", "I;16"):
            grey = picture.convert("L") if mode == "I;16" else picture
            good.append(_saved(grey.convert(mode), "PNG"))
        good.append(_saved(picture.convert("CMYK"), "JPEG"))
    big = _saved(Image.linear_gradient("L").convert("RGB"), "PNG")
    icon = _saved(Image.new("RGB", (16, 16)), "ICO")
    bomb = _saved(Image.new("1", (12000, 12000)), "PNG")
    narrow = _saved(Image.new("L", (1, 60000)), "PNG")
    bad = [big[: len(big) // 2], good[1][:40], b"no image", b"BM", icon, bomb, narrow, b"\0" * 99]
    bad += [_saved(Image.new("L", (8, 8)), "TGA"), _saved(Image.new("L", (8, 8)), "JPEG2000")]
    return tuple(good), tuple(bad)


def _saved(picture: Image.Image, name: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, name)
    return file.getvalue()


def picture(draw: random.Random) -> bytes:
    good, bad = pictures()
    return b"" if draw.random() < 0.05 else draw.choice(bad if draw.random() < 0.2 else good)


def image_name(draw: random.Random, stem: str) -> str:
    if draw.random() < 0.12:
        return stem + draw.choice(("", *(f".{suffix}" for suffix in FOREIGN)))
    return f"{stem}.{draw.choice(GOOD)}"


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def clutter(draw: random.Random, root: Path) -> None:
    """What lies about in a folder that was used: hidden things, links, notes, other files."""
    folders = [Path(path) for path, _, _ in os.walk(root)]
    for number in range(draw.randrange(6)):
        folder = draw.choice(folders)
        match draw.randrange(9):
            case 0:
                write(folder / ".DS_Store", b"x")
            case 1:
                write(folder / ".cache" / "1.png", picture(draw))
                write(folder / ".cache" / "2.png", picture(draw))
            case 2:
                write(folder / f"n{number}.{draw.choice(OTHER)}", b"x")
            case 3:
                write(folder / f"noise{number}", b"x")
            case 4:
                link(folder / f"back{number}", draw.choice([root, folder]))
            case 5:
                link(folder / f"gone{number}.png", root / "nowhere")
            case 6:
                (folder / f"empty{number}").mkdir(exist_ok=True)
            case 7:
                write(folder / f"stray{number}.png", picture(draw))
            case 8:
                with open(os.fsencode(folder) + b"/\xff%d.png" % number, "wb") as file:
                    file.write(picture(draw))


def link(path: Path, target: Path) -> None:
    if not path.is_symlink() and not path.exists():
        path.symlink_to(target)


def classes(draw: random.Random, root: Path) -> Made:
    names = draw.sample(CLASSES, draw.randrange(2, 5))
    splits = draw.sample(SPLITS, 2) if draw.random() < 0.4 else [""]
    for split in splits:
        for name in names:
            for number in range(draw.randrange(1, 4)):
                deep = "deeper/" if draw.random() < 0.1 else ""
                write(root / split / name / f"{deep}{image_name(draw, str(number))}", picture(draw))
    if draw.random() < 0.3:
        write(root / "zeroshot_classification_templates.txt", b"a {c}\n")
    if draw.random() < 0.2:
        folder = root / splits[0] / names[0]
        link(root / splits[0] / "linked", folder)
    clutter(draw, root)
    return Made(root, "classes")


def captions(draw: random.Random, root: Path) -> Made:
    for number in range(draw.randrange(1, 6)):
        folder = root / draw.choice(("", "", "more", "more/deep"))
        stem = draw.choice((f"p{number}", f"p.{number}", "same"))
        name = image_name(draw, stem)
        if draw.random() < 0.9:
            write(folder / name, picture(draw))
        if draw.random() < 0.85:
            end = draw.choice((".txt", ".TXT", f".{name.rpartition('.')[2]}.txt"))
            write(folder / f"{stem}{end}", texts(draw))
    if draw.random() < 0.3:
        write(root / "README.txt", b"about")
    clutter(draw, root)
    return Made(root, "captions")


def texts(draw: random.Random) -> bytes:
    lines = [draw.choice(WORDS) for _ in range(draw.randrange(4))]
    if draw.random() < 0.1:
        lines.insert(0, "  ")
    text = "\n".join(lines)
    return text.encode("latin-1" if draw.random() < 0.1 else "utf-8", "replace")


def table(draw: random.Random, root: Path) -> Made:
    """A CSV in which a row is a line, but for a quoted field with a line break."""
    delimiter, end = draw.choice(",;\t|"), draw.choice(("\n", "\r\n", "\r"))
    columns = draw.choice((["image", "caption"], ["Image Path", "Caption"], ["caption", "file"]))
    place = next(i for i, name in enumerate(columns) if "aption" not in name)
    folder = root / draw.choice(("", "images"))
    lines = ["sep=" + delimiter] if draw.random() < 0.1 else []
    lines.append(delimiter.join(columns))
    rows = len(lines)
    for number in range(draw.randrange(1, 7)):
        name = f"{number % 4}.png"
        if draw.random() < 0.85:
            write(folder / name, picture(draw))
        text = draw.choice((*WORDS, '["one", "two"]', '"two{e}lines"', '"open', "", '"q""t"'))
        if delimiter in text and not text.startswith('"') and draw.random() < 0.5:
            text = f'"{text.replace(chr(34), chr(34) * 2)}"'
        fields = [text, name] if place else [name, text]
        line = delimiter.join(fields).replace("{e}", end)
        if draw.random() < 0.15:
            line = draw.choice(("", name, f"{name}{delimiter}a{delimiter}b{delimiter}c"))
        lines.append(line)
        rows += 1
    encoding = draw.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"))
    write(root / "table.csv", (end.join(lines) + end).encode(encoding, "replace"))
    clutter(draw, root)
    return Made(root, "csv", rows=rows)


def flickr(draw: random.Random, root: Path) -> Made:
    lines = ["image,caption"]
    for number in range(draw.randrange(1, 6)):
        if draw.random() < 0.9:
            write(root / "Images" / f"{number}.jpg", picture(draw))
        for _ in range(draw.randrange(1, 4)):
            lines.append(f"{number}.jpg,{draw.choice(WORDS)}")
    if draw.random() < 0.3:
        lines.insert(2, draw.choice(("", "no caption here")))
    write(root / "captions.txt", "\n".join([*lines, ""]).encode())
    clutter(draw, root)
    return Made(root, "flickr", rows=len(lines))


def coco(draw: random.Random, root: Path) -> Made:
    items: list[dict[str, object]] = []
    for number in range(draw.randrange(1, 7)):
        name = f"{number}.jpg"
        if draw.random() < 0.9:
            write(root / "val2014" / name, picture(draw))
        sentences = [{"raw": draw.choice((*WORDS, ""))} for _ in range(draw.randrange(3))]
        item = {"filepath": "val2014", "filename": name, "sentences": sentences}
        items.append(item | {"split": "test" if number < 1 else draw.choice(("test", "train"))})
        if draw.random() < 0.1:
            del items[-1]["filename"]
    write(root / "dataset_coco.json", json.dumps({"images": items}).encode())
    clutter(draw, root)
    return Made(root, "coco", rows=len(items))


def parquet(draw: random.Random, root: Path) -> Made:
    rows = draw.randrange(1, 6)
    images: list[object] = []
    kind = draw.choice(("struct", "bytes", "path"))
    for number in range(rows):
        data = picture(draw)
        write(root / "im" / f"{number}.png", data) if kind == "path" else None
        images.append(
            {"struct": {"bytes": data, "path": None}, "bytes": data, "path": f"im/{number}.png"}[
                kind
            ]
            if draw.random() < 0.9
            else None
        )
    if draw.random() < 0.5:
        labels = [draw.choice((0, 1, 2, -1, None)) for _ in range(rows)]
        strings = draw.random() < 0.4
        found = [None if n is None else f"c{n}" for n in labels] if strings else labels
        column = {"label": pa.array(found, pa.string() if strings else pa.int64())}
        write(root / "classnames.txt", b"c0\nc1\nc2\n")
    else:
        values = [draw.choice((["a", "b"], ["c"], [], None)) for _ in range(rows)]
        column = {"caption": pa.array(values, draw.choice((pa.list_, pa.large_list))(pa.string()))}
    kinds = {"struct": pa.struct([("bytes", pa.binary()), ("path", pa.string())])}
    kinds |= {"bytes": pa.binary(), "path": pa.string()}
    data = pa.table({"image": pa.array(images, kinds[kind]), **column})
    pq.write_table(data, root / "test-00000-of-00001.parquet")
    if draw.random() < 0.3:
        pq.write_table(data, root / "train-00000-of-00001.parquet")
    clutter(draw, root)
    return Made(root, "parquet", rows=rows, split="test")


def shards(draw: random.Random, root: Path) -> Made:
    retrieval = draw.random() < 0.5
    count = draw.randrange(1, 4)
    made = Made(root, "wds")
    for number in range(count):
        data, members = shard(draw, retrieval)
        if draw.random() < 0.1:
            continue
        if draw.random() < 0.15:
            data, members = cut(draw, data, members)
        made.members += members
        packed = draw.random() < 0.1
        name = f"{number}.tar.gz" if packed else f"{number}.tar"
        write(root / "test" / name, gzip.compress(data) if packed else data)
    write(root / "test" / "nshards.txt", b"%d" % count)
    write(root / "dataset_type.txt", b"retrieval" if retrieval else b"classification")
    if not retrieval:
        write(root / "classnames.txt", b"x\ny\nz\n")
    if draw.random() < 0.2:
        write(root / "test" / f"{count}.tar", shard(draw, retrieval)[0])
    if draw.random() < 0.2:
        write(root / "train" / "0.tar", shard(draw, retrieval)[0])
        write(root / "train" / "nshards.txt", b"1")
        made.split = "test"
    clutter(draw, root)
    return made


def shard(draw: random.Random, retrieval: bool) -> tuple[bytes, int]:
    """A tar file, and how many members it has that are no folders."""
    file, members = io.BytesIO(), 0
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number in range(draw.randrange(1, 5)):
            key = draw.choice((f"s{number}", f"s{number}.final", f"v1.{number}", "same", "d/k"))
            parts = [(image_name(draw, key), picture(draw))]
            label = draw.choice((b"0", b"2", b"7", b"x", b""))
            parts.append((f"{key}.txt", texts(draw)) if retrieval else (f"{key}.cls", label))
            parts += [(f"{key}.json", b"{}"), (f"{key}.seg.png", picture(draw)), (".h.png", b"x")]
            for name, data in parts:
                if draw.random() < (0.93 if name in (parts[0][0], parts[1][0]) else 0.2):
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
                    members += 1
        if draw.random() < 0.2:
            info = tarfile.TarInfo("link.png")
            info.type, info.linkname = tarfile.SYMTYPE, "s0.png"
            tar.addfile(info)
            members += 1
    return file.getvalue(), members


def cut(draw: random.Random, data: bytes, members: int) -> tuple[bytes, int]:
    """The file cut inside a member's data, and how many members are there, the cut one included."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = [member for member in tar.getmembers() if member.size > 1]
        names = [member.offset for member in tar.getmembers()]
    if not found:
        return data, members
    member = draw.choice(found)
    return data[: member.offset_data + 1], sum(offset <= member.offset for offset in names)


BUILDERS = (classes, captions, table, flickr, coco, parquet, shards)


def build(seed: int, root: Path) -> Made:
    """The data folder of this number."""
    root.mkdir(parents=True)
    return BUILDERS[seed % len(BUILDERS)](random.Random(seed), root)


def count_files(root: str, above: tuple[str, ...] = ()) -> int:
    """Files below a folder as the rule counts them, by a walk that shares nothing with ours."""
    found = 0
    above = (*above, os.path.realpath(root))
    for name in os.listdir(root):
        path = os.path.join(root, name)
        loop = os.path.islink(path) and os.path.realpath(path) in above
        if name.startswith(".") or not os.path.isdir(path) or loop:
            found += 1
        else:
            found += count_files(path, above)
    return found
