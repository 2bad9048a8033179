"""Captions and labels in CSV, Parquet and JSON lines; rows that cannot be used are refused."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipbench.contract import Reason
from clipbench.datasets import open_dataset, verify
from clipbench.datasets.types import Unit
from clipbench.errors import DataError, InvalidRequest, UnknownName
from tests.datasets import building
from tests.datasets.building import png, write

# CSV


def test_bad_rows_of_a_csv_are_refused_and_the_others_read(tmp_path):
    rows = b"caption,Image\nfine,1.png\nonly one column\n\nsch\xf6n,1.png\n,2.png\ngone,3.png\n"
    write(tmp_path, {"1.png": png(1), "2.png": png(2), "table.csv": rows})
    documents = list(open_dataset(tmp_path / "table.csv").documents())
    assert [(d.id, getattr(d, "reason", None)) for d in documents] == [
        ("table.csv line 3!0", Reason.MEMBER_MISSING),
        ("1.png", None),
        ("1.png#0", None),
        ("1.png#1", Reason.TEXT_NOT_UTF8),
        ("2.png", None),
        ("2.png#0", Reason.EMPTY),
        ("3.png", Reason.MEMBER_MISSING),
        ("3.png#0", Reason.IMAGE_REFUSED),
    ]


def test_a_csv_may_name_images_by_absolute_path_and_quote_line_breaks(tmp_path):
    image = write(tmp_path / "elsewhere", {"1.png": png(1)}) / "1.png"
    write(tmp_path / "data", {"t.csv": f'filepath,title,extra\n{image},"two\nlines",x\n'})
    _, text = open_dataset(tmp_path / "data/t.csv").documents()
    assert text.text == "two\nlines"


def test_a_csv_without_the_columns_is_no_data_set(tmp_path):
    write(tmp_path, {"t.csv": "image,label\n1.png,cat\n"})
    with pytest.raises(DataError, match="no known way"):
        open_dataset(tmp_path / "t.csv")
    with pytest.raises(DataError, match="column caption"):
        open_dataset(tmp_path / "t.csv", layout="csv")


def test_a_csv_row_never_opens_a_device(tmp_path):
    write(tmp_path, {"t.csv": "image,caption\n/dev/zero,endless\n"})
    image, _ = open_dataset(tmp_path / "t.csv").documents()
    assert image.reason is Reason.MEMBER_MISSING


# Parquet


def test_a_parquet_row_may_hold_a_set_of_labels(tmp_path):
    building.parquet(tmp_path, labels=[[2, 0], [], [1]], names=("x", "y", "z"))
    dataset = open_dataset(tmp_path)
    assert dataset.multilabel
    assert [d.labels for d in dataset.documents()] == [(0, 2), (), (1,)]


def test_a_parquet_file_may_hold_plain_bytes_and_one_caption(tmp_path):
    table = pa.table({"image": [png(0), None, png(2)], "text": ["one", "two", None]})
    pq.write_table(table, tmp_path / "pairs.parquet")
    documents = list(open_dataset(tmp_path / "pairs.parquet").documents())
    assert [(d.id, getattr(d, "reason", None)) for d in documents] == [
        ("0/0", None),
        ("0/0#0", None),
        ("0/1", Reason.MEMBER_MISSING),
        ("0/1#0", Reason.IMAGE_REFUSED),
        ("0/2", Reason.MEMBER_MISSING),
    ]


def test_parquet_without_class_names_takes_them_from_the_file_beside_it(tmp_path):
    building.parquet(tmp_path, labels=[1, None, 0])
    with pytest.raises(DataError, match="names no classes"):
        open_dataset(tmp_path)
    write(tmp_path, {"classnames.txt": "cat\ndog\n"})
    dataset = open_dataset(tmp_path)
    assert dataset.classnames == ("cat", "dog")
    assert [getattr(d, "labels", None) for d in dataset.documents()] == [(1,), None, (0,)]


def test_splits_of_parquet_files_are_told_by_their_names(tmp_path):
    building.parquet(tmp_path / "data", captions=["a", "b"], split="train")
    building.parquet(tmp_path / "data", captions=["c"], split="test")
    assert open_dataset(tmp_path).images == 1
    assert open_dataset(tmp_path, split="train").images == 2
    with pytest.raises(UnknownName, match="train"):
        open_dataset(tmp_path, split="val")


def test_parquet_with_labels_and_captions_is_ambiguous(tmp_path):
    table = pa.table({"image": [png(0)], "label": [1], "caption": ["one"]})
    pq.write_table(table, tmp_path / "both.parquet")
    with pytest.raises(InvalidRequest, match="one column of labels"):
        open_dataset(tmp_path)


def test_a_metadata_jsonl_names_images_and_their_captions(tmp_path):
    write(tmp_path, {f"test/{number}.png": png(number) for number in range(2)})
    rows = [
        {"file_name": "0.png", "text": "a cat", "objects": {"bbox": [1, 2]}},
        {"file_name": "1.png", "text": ["a dog", "two dogs"]},
        {"file_name": "1.png", "text": {"raw": "lost"}},
        "no object",
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "test/metadata.jsonl").write_text(lines + "{\n")
    found = verify(open_dataset(tmp_path))
    assert (found.found.images, found.found.captions) == (2, 3)
    assert found.inventory.total(Unit.ROW) == 5
    told = " ".join(fault.detail for fault in found.faults)
    assert "the value of 'text' is neither text nor texts" in told
    assert "the line is not a JSON object" in told
    assert "the line is not JSON" in told
