"""COCO captions as distributed: `val2014/` with `dataset_coco.json` or `coco_test_karpathy.json`.

The published split is Karpathy's test split: 5,000 images of val2014 with 25,010 captions.
"""

from __future__ import annotations

import re
from pathlib import Path

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.layouts import captions, karpathy
from clipbench.datasets.types import Contents, Flaw, Role, Wanted
from clipbench.errors import DataError

SPLITS_FILE = "dataset_coco.json"
_ONE_SPLIT = re.compile(r"coco_(\w+)_karpathy\.json")
_FOLDERS = ("val2014", "images", "images/val2014", "train2014", "images/train2014")


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: one of the split files."""
    if not path.is_dir():
        return None
    return next((p.name for p in sorted(path.glob("*.json")) if _is_split_file(p)), None)


def open_folder(path: Path, wanted: Wanted) -> Contents:
    """The data set in a folder; the split is `test` unless told. Raises DataError."""
    split = wanted.split or "test"
    one = path / f"coco_{split}_karpathy.json"
    if one.is_file():
        table = read_annotations(one)
    elif (path / SPLITS_FILE).is_file():
        table = karpathy.read_table(path / SPLITS_FILE, split)
    else:
        raise DataError(
            f"{path} has neither {SPLITS_FILE} nor {one.name}: name a split with --split"
        )
    folders = (path, *(path / name for name in _FOLDERS))
    return captions.contents(table, folders, split, root=path)


def read_annotations(path: Path) -> captions.Table:
    """Captions of a file in COCO's own format: `images` by id, `annotations` by image id."""
    table = captions.Table(path)
    names: dict[object, str] = {}
    listed = 0
    for key in ("images", "annotations"):
        try:
            with path.open(encoding="utf-8", errors="surrogateescape") as file:
                for number, item in enumerate(karpathy.items(file, key)):
                    try:
                        if key == "images":
                            names[item["id"]] = str(item["file_name"])
                            listed += 1
                        else:
                            caption = str(item["caption"]).encode("utf-8", "surrogateescape")
                            table.add(names[item["image_id"]], entries.caption(caption))
                    except (KeyError, TypeError) as error:
                        flaw = Flaw(Reason.MEMBER_MISSING, f"it has no {error}")
                        table.damaged(f"{key}[{number}]", flaw)
        except karpathy.Damaged as damage:
            flaw = Flaw(Reason.SHARD_DAMAGED, "the file is cut off or damaged")
            table.damaged(str(damage), flaw, rows=0)
    captioned = sum(name in table.rows for name in names.values())
    captioned = sum(name in table.rows for name in names.values())
    table.others[Role.METADATA, "name of an image"] += captioned
    if listed > captioned:
        table.others[Role.PASSED_OVER, "an image without a caption"] += listed - captioned
    return table


def _is_split_file(path: Path) -> bool:
    named = path.name == SPLITS_FILE or _ONE_SPLIT.fullmatch(path.name) is not None
    return named and path.is_file()
