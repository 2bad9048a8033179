"""The data set is what the person meant, or the message says what was seen and how to choose."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipbench.contract import Reason
from clipbench.datasets import Text, open_dataset, verify
from clipbench.errors import DataError, InvalidRequest
from tests.datasets import building
from tests.datasets.building import png, write

IMAGES = {f"{n}.png": png(n) for n in range(4)}


def texts_of(path, **options):
    return [d.text for d in open_dataset(path, **options).documents() if isinstance(d, Text)]


def a_table(folder, content, name="t.csv"):
    return write(folder, {**{f"images/{n}": data for n, data in IMAGES.items()}, name: content})


# tables


@pytest.mark.parametrize(
    "content",
    [
        "image,caption\n0.png,one\n1.png,two\n",
        "image,caption\r0.png,one\r1.png,two\r",
        "Image Path;Caption\r\n0.png;one\r\n1.png;two",
        "sep=^\nimage^caption\n0.png^one\n1.png^two\n",
        "0.png,one\n1.png,two\n",
        "one\t0.png\ntwo\t1.png\n",
        'image,caption,\n0.png,one,\n1.png,"two",\n',
        'image;captions\n0.png;["one", "two"]\n',
        "image|caption\n0.png|['one', 'two']\n",
        "image,caption1,caption2\n0.png,one,two\n",
        "image,caption,caption\n0.png,one,two\n",
        "image,comment_number,comment\n0.png,0,one\n0.png,1,two\n",
        "id,image,filename,text\n7,x,0.png,one\n8,y,1.png,two\n",
    ],
)
def test_a_table_is_read_as_it_is_meant(tmp_path, content):
    assert texts_of(a_table(tmp_path, content)) == ["one", "two"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_table_may_be_in_any_unicode(tmp_path, encoding):
    content = "image;caption\r\n0.png;schön\r\n1.png;日本\r\n".encode(encoding)
    assert texts_of(a_table(tmp_path, content)) == ["schön", "日本"]


def test_a_stray_quote_costs_its_own_line_only(tmp_path):
    rows = ['0.png,5" screen', '1.png,"unterminated', "2.png,a ball", '3.png,"two\nlines"']
    found = verify(open_dataset(a_table(tmp_path, "\n".join(["image,caption", *rows]))))
    assert (found.found.images, found.found.captions) == (3, 3)
    assert [fault.source for fault in found.faults] == ["t.csv line 3"]


def test_an_unquoted_comma_is_refused_with_its_line(tmp_path):
    content = 'image,caption\n0.png,a red, round ball\n1.png,"a red, round ball"\n'
    found = verify(open_dataset(a_table(tmp_path, content)))
    assert found.found.captions == 1
    assert found.faults[0].source == "t.csv line 2"
    assert "needs quotes" in found.faults[0].detail
    (tmp_path / "t.csv").write_text("image,caption\n0.png,a red, round ball\n")
    with pytest.raises(DataError, match=r"t\.csv line 2: 3 fields, 2 are expected"):
        open_dataset(tmp_path)


def test_columns_that_could_both_be_meant_are_asked_for(tmp_path):
    a_table(tmp_path, "pic,title,text\n0.png,one,two\n")
    with pytest.raises(DataError, match=r"t\.csv with columns pic, title, text"):
        open_dataset(tmp_path)
    chosen = {"image": "pic", "caption": "text"}
    assert texts_of(tmp_path, columns=chosen) == ["two"]
    a_table(tmp_path, "image,title,text\n0.png,one,two\n")
    with pytest.raises(InvalidRequest, match="--column caption=NAME"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match="--column"):
        open_dataset(tmp_path, columns={"caption": "words"})


def test_the_metadata_of_each_split_may_be_one_level_down(tmp_path):
    for split in ("train", "validation"):
        write(tmp_path / split, {**IMAGES, "metadata.csv": f"file_name,text\n0.png,{split}\n"})
    assert texts_of(tmp_path) == ["validation"]
    assert texts_of(tmp_path, split="train") == ["train"]
    assert open_dataset(tmp_path).split == "validation"


# Parquet


def a_parquet(folder, **columns):
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "test-00000-of-00001.parquet")
    return folder


PAIR = [{"bytes": png(n), "path": None} for n in range(2)]


@pytest.mark.parametrize(
    "captions",
    [
        pa.array(["one", "two"], pa.large_string()),
        pa.array([["one"], ["two"]], pa.list_(pa.string(), 1)),
        pa.array([["one"], ["two"]], pa.large_list(pa.string())),
        pa.array([[{"raw": "one"}], [{"raw": "two"}]]),
        pa.array([{"text": "one", "lang": "en"}, {"text": "two", "lang": "en"}]),
        pa.array(["one", "two"]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_captions_may_be_any_text_of_arrow(tmp_path, captions):
    assert texts_of(a_parquet(tmp_path, image=PAIR, caption=captions)) == ["one", "two"]


@pytest.mark.parametrize("kind", [pa.list_, pa.large_list, pa.list_view, lambda t: pa.list_(t, 2)])
def test_any_list_of_labels_is_multilabel(tmp_path, kind):
    labels = pa.array([[0, 2], [1, 2]], kind(pa.int64()))
    try:
        a_parquet(tmp_path, image=PAIR, label=labels)
    except pa.ArrowNotImplementedError:
        pytest.skip("this Arrow writes no such list")
    write(tmp_path, {"classnames.txt": "x\ny\nz\n"})
    dataset = open_dataset(tmp_path)
    assert dataset.multilabel
    assert [d.labels for d in dataset.documents()] == [(0, 2), (1, 2)]


def test_strings_are_labels_and_paths_are_images(tmp_path):
    a_parquet(tmp_path, image=["im/0.png", "im/1.png"], label=["red", "blue"])
    write(tmp_path / "im", IMAGES)
    dataset = open_dataset(tmp_path)
    assert dataset.classnames == ("blue", "red")
    assert [(d.data, d.labels) for d in dataset.documents()] == [(png(0), (1,)), (png(1), (0,))]
    write(tmp_path, {"classnames.txt": "red\ngreen\n"})
    found = verify(open_dataset(tmp_path))
    assert found.faults[0].detail == "there is no class 'blue'"


def test_values_of_another_type_are_named(tmp_path):
    a_parquet(tmp_path / "a", image=PAIR, text=[1, 2])
    a_parquet(tmp_path / "b", image=[PAIR, PAIR[:1]], text=["one", "two"])
    a_parquet(tmp_path / "c", image=[1, 2], text=["one", "two"])
    details = [verify(open_dataset(tmp_path / name)).faults[0].detail for name in "abc"]
    assert details == [
        "the caption is a number, not text",
        "the row has a list of 2 images, not one",
        "the image is a number, not bytes or the path of a file",
    ]


def test_labels_and_captions_are_chosen_between(tmp_path):
    a_parquet(tmp_path, image=PAIR, label=["red", "blue"], caption=["one", "two"])
    with pytest.raises(InvalidRequest, match="--column label=NAME"):
        open_dataset(tmp_path)
    assert texts_of(tmp_path, columns={"caption": "caption"}) == ["one", "two"]
    assert open_dataset(tmp_path, columns={"label": "label"}).classnames == ("blue", "red")


# splits


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("Training", "Testing"), "Testing"),
        (("train2017", "val2017"), "val2017"),
        (("TRAIN", "VAL", "TEST"), "TEST"),
        (("train_images", "valid-set"), "valid-set"),
        (("train", "test", "samples"), "test"),
        (("Train", "dev"), "dev"),
    ],
)
def test_folders_named_after_splits_are_never_classes(tmp_path, names, chosen):
    for name in names:
        write(tmp_path / name, {"cat/1.png": png(0), "dog/1.png": png(1)})
    dataset = open_dataset(tmp_path)
    assert (dataset.split, dataset.classnames) == (chosen, ("cat", "dog"))
    assert open_dataset(tmp_path, split=names[0]).split == names[0]
    assert verify(dataset).inventory.counts["files"]["passed over", f"beside split {chosen}"]


def test_flat_split_folders_are_refused_with_what_is_missing(tmp_path):
    write(tmp_path, {"train/1.png": png(0), "val/1.png": png(1)})
    with pytest.raises(DataError, match=r"train, val, named after splits: a folder for each class"):
        open_dataset(tmp_path)
    with pytest.raises(InvalidRequest, match="named after a split"):
        open_dataset(tmp_path, layout="classes")


def test_a_train_among_vehicles_is_a_class(tmp_path):
    write(tmp_path, {f"{name}/1.png": png(0) for name in ("bus", "car", "train")})
    assert open_dataset(tmp_path).classnames == ("bus", "car", "train")


def test_captions_of_splits_are_not_mixed(tmp_path):
    for split in ("train", "Test"):
        write(tmp_path / split, {"1.png": png(0), "1.txt": split})
    assert texts_of(tmp_path) == ["Test"]


# img2dataset, and what no layout fits


def test_folders_and_shards_of_img2dataset_are_read(tmp_path):
    key = "000000000"
    beside = {"00000_stats.json": "{}", "00000.parquet": b"PAR1"}
    pair = {f"{key}.jpg": png(0), f"{key}.txt": "one", f"{key}.json": "{}"}
    folders = {f"{n}/{name}": data for n in ("00000", "00001") for name, data in pair.items()}
    assert texts_of(write(tmp_path / "a", {**beside, **folders})) == ["one", "one"]
    shard = building.tar(
        [(name, data if isinstance(data, bytes) else data.encode()) for name, data in pair.items()]
    )
    pq.write_table(pa.table({"url": ["u"], "caption": ["one"]}), tmp_path / "00000.parquet")
    write(tmp_path / "b", {"00000_stats.json": "{}", "00000.tar": shard, "00001.tar": shard})
    (tmp_path / "00000.parquet").rename(tmp_path / "b/00000.parquet")
    assert texts_of(tmp_path / "b") == ["one", "one"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"test/0.tar": building.labelled_shard([0])}, r"1 tar files in test/ but no test/nshards"),
        ({"my/cat/1.png": png(0), "my/dog/1.png": png(1)}, r"one folder, my, .* name .*/my"),
        ({"1.png": png(0), "2.png": png(1)}, r"2 images \(1.png, 2.png\) with no text"),
        ({"t.csv": "url,caption\nu,one\n"}, r"t.csv with columns url, caption"),
        ({"cat/1.png": png(0)}, r"one folder only \(cat\)|one folder, cat"),
        ({}, "an empty folder"),
    ],
)
def test_the_message_says_what_was_seen_and_what_is_missing(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        open_dataset(write(tmp_path, files))


def test_tar_files_without_their_number_are_read_when_it_is_said(tmp_path):
    write(tmp_path, {"test/0.tar": building.labelled_shard([0, 1]), "classnames.txt": "a\nb\n"})
    assert verify(open_dataset(tmp_path, layout="shards")).found.images == 2


def test_a_karpathy_file_nested_without_end_is_damage_and_no_error_of_python(tmp_path):
    items = json.dumps([{"split": "test", "filename": "0.png", "sentences": [{"raw": "one"}]}])
    text = '{"images": ' + items[:-1] + ", " + "[" * 100_000
    write(tmp_path, {**IMAGES, "dataset_coco.json": text})
    found = verify(open_dataset(tmp_path))
    assert (found.found.images, found.faults_by_reason) == (1, {Reason.SHARD_DAMAGED: 1})
