"""Any layout becomes shards with the same content, and the same bytes each time."""

import io

import numpy as np
import pytest

from clipbench.datasets import convert, open_dataset, verify
from clipbench.errors import DataError, InvalidRequest
from tests.datasets import building
from tests.datasets.building import png, tar, write

CAPTIONS = [["one", "two"], ["three"], ["four", "five", "six"], ["seven"]]


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "build",
    [
        lambda d: building.captions_beside(d, CAPTIONS),
        lambda d: building.csv_table(d, CAPTIONS[:3]),
        lambda d: building.parquet(d, captions=CAPTIONS),
        lambda d: building.flickr(d, CAPTIONS[:3]),
        lambda d: building.coco(d, CAPTIONS[:3]),
        lambda d: building.class_folders(d, [1, 0, 1, 2]),
        lambda d: building.parquet(d, labels=[[1], [], [0, 2]], names=("x", "", "x")),
    ],
)
def test_the_data_are_the_same_and_so_are_the_bytes_of_a_second_time(tmp_path, build):
    source = open_dataset(build(tmp_path / "in"))
    done = convert(source, tmp_path / "a", shard_size=2)
    convert(source, tmp_path / "b", shard_size=2)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    result = open_dataset(tmp_path / "a")
    assert (result.task, result.classnames) == (source.task, source.classnames)
    assert result.templates == source.templates
    before, after = verify(source), verify(result)
    assert after.ok
    assert after.sha256 == before.sha256
    assert (done.images, done.refused) == (before.found.images, 0)
    assert done.shards == (done.images + 1) // 2


def test_images_keep_their_bytes_and_get_the_suffix_of_their_kind(tmp_path):
    webp = b"RIFF\x04\0\0\0WEBP"
    write(
        tmp_path / "in", {"a.jpg": webp, "a.txt": "one", "b.png": b"\xff\xd8\xff", "b.txt": "two"}
    )
    convert(open_dataset(tmp_path / "in"), tmp_path / "out")
    shard = (tmp_path / "out/all/0.tar").read_bytes()
    assert b"s0000000.webp" in shard
    assert b"s0000001.jpg" in shard
    assert [d.data for d in open_dataset(tmp_path / "out").documents() if hasattr(d, "data")] == [
        webp,
        b"\xff\xd8\xff",
    ]


def test_what_is_refused_is_left_out_and_counted(tmp_path):
    vector = io.BytesIO()
    np.save(vector, np.array([0, 2]))
    shard = tar([("a.png", png(0)), ("a.txt", b"one\n\xff"), ("b.png", png(1)), ("c.txt", b"x")])
    folder = building.wds(tmp_path / "in", [shard], kind="retrieval")
    done = convert(open_dataset(folder), tmp_path / "out")
    assert (done.images, done.captions, done.refused) == (1, 1, 4)


def test_nothing_readable_and_a_target_that_is_there_are_refused(tmp_path):
    folder = building.wds(tmp_path / "in", [b"no tar"], kind="retrieval")
    with pytest.raises(DataError, match="readable"):
        convert(open_dataset(folder), tmp_path / "out")
    assert not (tmp_path / "out/test").exists()
    convert(open_dataset("emoji", sample=3), tmp_path / "out")
    with pytest.raises(InvalidRequest, match="already"):
        convert(open_dataset("emoji", sample=3), tmp_path / "out")


def test_a_second_split_must_have_the_same_classes(tmp_path):
    for name, classes in (("a", "x\ny\n"), ("b", "x\ny\n"), ("c", "x\nz\n")):
        building.wds(
            tmp_path / name, [building.labelled_shard([0])], classnames=classes, split=name
        )
    convert(open_dataset(tmp_path / "a"), tmp_path / "out")
    convert(open_dataset(tmp_path / "b"), tmp_path / "out")
    with pytest.raises(InvalidRequest, match="something else"):
        convert(open_dataset(tmp_path / "c"), tmp_path / "out")


def test_line_breaks_in_a_caption_become_spaces(tmp_path):
    write(tmp_path / "in", {"1.png": png(1), "t.csv": 'image,caption\n1.png,"two\nlines"\n'})
    convert(open_dataset(tmp_path / "in"), tmp_path / "out")
    _, text = open_dataset(tmp_path / "out").documents()
    assert text.text == "two lines"
