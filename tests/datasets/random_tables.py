"""Random data sets with a table: CSV, Flickr, COCO, Parquet."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.datasets.random_pieces import WORDS, Made, clutter, picture, write


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


def json_lines(draw: random.Random, root: Path) -> Made:
    """A `metadata.jsonl`, in the folder of a split or beside the images."""
    folder = root / draw.choice(("", "", "test"))
    lines = []
    for number in range(draw.randrange(1, 7)):
        name = f"{number % 4}.png"
        if draw.random() < 0.85:
            write(folder / name, picture(draw))
        text = draw.choice((*WORDS, ["one", "two"], [], {"raw": "a"}, None, 7, "b\nc"))
        row: object = {"file_name": name, "text": text}
        if lines and draw.random() < 0.2:
            row = draw.choice(({"text": "a"}, {"file_name": name}, [name, "a"], name, None))
        line = json.dumps(row, ensure_ascii=draw.random() < 0.5)
        lines.append(line if not lines or draw.random() < 0.9 else draw.choice(("", line[:-1])))
    data = "\n".join([*lines, ""]).encode(draw.choice(("utf-8", "utf-8", "utf-16")))
    write(folder / "metadata.jsonl", data)
    clutter(draw, root)
    return Made(root, "csv", rows=len(lines))


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
