"""Random data folders of every layout, with what was put into them, and a walk of our own."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
from pathlib import Path

from tests.datasets.random_pieces import (
    CLASSES,
    SPLITS,
    WORDS,
    Made,
    clutter,
    image_name,
    link,
    picture,
    write,
)
from tests.datasets.random_tables import coco, flickr, json_lines, parquet, table


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


BUILDERS = (classes, captions, table, json_lines, flickr, coco, parquet, shards)


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
