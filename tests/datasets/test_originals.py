"""Flickr and COCO as their authors distribute them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipbench.contract import Reason
from clipbench.datasets import Image, Unreadable, open_dataset
from clipbench.errors import DataError
from tests.datasets import building
from tests.datasets.building import png, write
from tests.datasets.test_layouts import CAPTIONS, captions_of


def test_a_flickr_caption_with_commas_and_quotes_is_read_as_meant(tmp_path):
    rows = ["image,caption", '1.jpg,"A man , in ""red"" , runs ."']
    rows += ["1.jpg,A dog , too .", '1.jpg,Say "hi" .']
    write(tmp_path, {"Images/1.jpg": png(1), "captions.txt": "\n".join(rows)})
    assert list(captions_of(open_dataset(tmp_path)).values()) == [
        ['A man , in "red" , runs .', "A dog , too .", 'Say "hi" .']
    ]


def test_the_line_of_flickr30k_without_its_second_bar_is_read(tmp_path):
    lines = ["image_name| comment_number| comment", "1.jpg| 3|  A cat .", "1.jpg| 4   A dog runs ."]
    write(tmp_path, {"flickr30k_images/1.jpg": png(1), "results.csv": "\n".join(lines)})
    assert list(captions_of(open_dataset(tmp_path)).values()) == [["A cat .", "A dog runs ."]]


def test_a_flickr_image_that_is_named_and_not_there_is_refused(tmp_path):
    token = "1.jpg#0\tA child .\n2.jpg.1#0\tA dog .\nno caption here\n"
    write(tmp_path, {"Flicker8k_Dataset/1.jpg": png(1), "Flickr8k.token.txt": token})
    refused = [d for d in open_dataset(tmp_path).documents() if isinstance(d, Unreadable)]
    assert [(d.id, d.reason) for d in refused] == [
        ("Flickr8k.token.txt line 3!0", Reason.MEMBER_MISSING),
        ("2.jpg.1", Reason.MEMBER_MISSING),
        ("2.jpg.1#0", Reason.IMAGE_REFUSED),
    ]


def test_the_usual_split_of_flickr_comes_from_a_karpathy_file(tmp_path):
    building.flickr(tmp_path, CAPTIONS)
    with pytest.raises(DataError, match="test_karpathy"):
        open_dataset(tmp_path, split="test")
    items = [
        {"filename": f"{n}.jpg", "split": split, "sentences": [{"raw": f"{split} {n}"}]}
        for n, split in enumerate(("train", "test", "test"))
    ]
    write(tmp_path, {"dataset_flickr8k.json": json.dumps({"images": items})})
    assert captions_of(open_dataset(tmp_path, split="test")) == {
        png(1): ["test 1"],
        png(2): ["test 2"],
    }
    assert open_dataset(tmp_path).split == "all"
    (tmp_path / "dataset_flickr8k.json").unlink()
    write(tmp_path, {"flickr8k_test_karpathy.txt": "image,caption\n2.jpg,two\n"})
    assert captions_of(open_dataset(tmp_path, split="test")) == {png(2): ["two"]}


def test_coco_is_read_from_annotations_of_one_split_too(tmp_path):
    annotations = {
        "images": [{"id": 7, "file_name": "b.jpg"}, {"id": 3, "file_name": "a.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 3, "caption": "first\n"},
            {"id": 2, "image_id": 7, "caption": "second"},
            {"id": 3, "image_id": 9, "caption": "of nothing"},
        ],
    }
    write(tmp_path, {"val2014/a.jpg": png(0), "val2014/b.jpg": png(1)})
    write(tmp_path, {"coco_test_karpathy.json": json.dumps(annotations)})
    gap, *documents = open_dataset(tmp_path).documents()
    assert gap.source == "coco_test_karpathy.json annotations[2]"
    assert [getattr(d, "text", None) for d in documents] == [None, "first", None, "second"]


def test_a_karpathy_file_that_is_cut_off_gives_what_came_before(tmp_path):
    folder = building.coco(tmp_path, CAPTIONS)
    text = (folder / "dataset_coco.json").read_text()
    (folder / "dataset_coco.json").write_text(text[: text.rindex("four")])
    gap, *documents = open_dataset(tmp_path).documents()
    assert gap.reason is Reason.SHARD_DAMAGED
    assert sum(isinstance(d, Image) for d in documents) == 2


def test_a_karpathy_file_larger_than_a_piece_is_read_whole(tmp_path):
    captions = [[f"{n} {'word ' * 40}".strip()] for n in range(3000)]
    dataset = open_dataset(building.coco(tmp_path, captions))
    assert dataset.images == 3000
    assert list(captions_of(dataset).values()) == captions


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg"])
def test_a_list_by_others_never_leads_out_of_the_folder(tmp_path, name):
    write(tmp_path, {"secret.jpg": png(0)})
    items = [{"filename": name, "split": "test", "sentences": [{"raw": "one"}]}]
    write(tmp_path / "data", {"dataset_coco.json": json.dumps({"images": items})})
    image, _ = open_dataset(tmp_path / "data").documents()
    assert "leads out" in image.detail
    table = pa.table({"image": [{"bytes": None, "path": name}], "text": ["one"]})
    (tmp_path / "parquet").mkdir()
    pq.write_table(table, tmp_path / "parquet/pairs.parquet")
    image, _ = open_dataset(tmp_path / "parquet").documents()
    assert "leads out" in image.detail
