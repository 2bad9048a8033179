"""Verify is right on a good, a short and a damaged copy of each layout."""

import os
import shutil

import pytest

from clipbench.contract import Reason
from clipbench.datasets import open_dataset, verify
from clipbench.datasets.verification import DatasetCounts
from clipbench.errors import DataError
from tests.datasets import building
from tests.datasets.building import captioned_shard, labelled_shard, png, tar

KITTI = "vtab/kitti_closest_vehicle_distance"  # 711 images in 4 classes
LABELS = [number % 4 for number in range(711)]
NAMES = ("side", "near", "far", "none")
FLICKR = [[f"{n} {i}" for i in range(5)] for n in range(1000)]  # 1,000 images, 5,000 captions
COCO = [[f"{n} {i}" for i in range(6 if n < 10 else 5)] for n in range(5000)]  # 25,010 captions


def labelled(folder):
    shards = [labelled_shard(LABELS[:400]), labelled_shard(LABELS[400:], first=400)]
    building.wds(folder, shards, classnames="\n".join(NAMES) + "\n")


def captioned(folder):
    shards = [captioned_shard(FLICKR[:600]), captioned_shard(FLICKR[600:], first=600)]
    building.wds(folder, shards, kind="retrieval\n")


def parquet_in_two(folder):
    building.parquet(folder, labels=LABELS[:400], names=NAMES)
    building.parquet(folder, labels=LABELS[400:], names=NAMES, part=1)


def cut(name, at=0.5):
    def damage(folder):
        data = (folder / name).read_bytes()
        building.write(folder, {name: data[: int(len(data) * at)]})

    return damage


def corrupt(name, at, size):
    def damage(folder):
        data = bytearray((folder / name).read_bytes())
        start = int(len(data) * at)
        data[start : start + size] = b"\xff" * size
        building.write(folder, {name: bytes(data)})

    return damage


def remove(name):
    return lambda folder: (folder / name).unlink()


CASES = {
    "wds, labels": (KITTI, labelled, remove("test/1.tar"), cut("test/0.tar")),
    "wds, captions": ("flickr8k", captioned, remove("test/0.tar"), cut("test/1.tar", 0.999)),
    "class folders": (
        KITTI,
        lambda d: building.class_folders(d, LABELS),
        remove("test/2/00002.png"),
        cut("test/1/00001.png", 0.2),
    ),
    "parquet, labels": (
        KITTI,
        parquet_in_two,
        lambda d: building.parquet(d, labels=LABELS[401:], names=NAMES, part=1),
        cut("test-00001-of-00002.parquet"),
    ),
    "parquet, captions": (
        "flickr8k",
        lambda d: building.parquet(d, captions=FLICKR),
        lambda d: building.parquet(d, captions=[*FLICKR[:-1], FLICKR[-1][:-1]]),
        corrupt("test-00000-of-00002.parquet", 0.3, 3000),
    ),
    "flickr": (
        "flickr8k",
        lambda d: building.flickr(d, FLICKR, "flickr8k_test_karpathy.txt"),
        remove("Images/5.jpg"),
        cut("Images/6.jpg", 0.2),
    ),
    "coco": (
        "mscoco_captions",
        lambda d: building.coco(d, COCO),
        remove("val2014/COCO_val2014_000000000007.jpg"),
        cut("dataset_coco.json"),
    ),
}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    id, build, shorten, damage = CASES[request.param]
    root = tmp_path_factory.mktemp("good")
    build(root / id.replace("/", "-"))
    return id, root, shorten, damage


def copy_of(root, changed, tmp_path, id):
    shutil.copytree(root, tmp_path, dirs_exist_ok=True, copy_function=os.link)
    changed(tmp_path / id.replace("/", "-"))
    return verify(open_dataset(id, root=tmp_path, split="test"))


def test_a_good_copy_is_ok(case):
    id, root, _, _ = case
    found = verify(open_dataset(id, root=root, split="test"), deep=True)
    assert found.ok, str(found)
    assert ": ok\n" in str(found)
    assert found.expected.images == found.found.images
    assert not found.empty_classes


def test_a_short_copy_says_what_is_short(case, tmp_path):
    id, root, shorten, _ = case
    found = copy_of(root, shorten, tmp_path, id)
    assert not found.ok
    assert found.short
    assert " instead of " in str(found)


def test_a_damaged_copy_names_the_place(case, tmp_path):
    id, root, _, damage = case
    found = copy_of(root, damage, tmp_path, id)
    assert not found.ok
    assert {Reason.SHARD_DAMAGED, Reason.IMAGE_DAMAGED, Reason.NOT_AN_IMAGE} & set(
        found.faults_by_reason
    )
    assert all(fault.source and fault.detail for fault in found.faults)


@pytest.mark.slow
def test_the_full_flickr8k_is_ok_as_split_all(tmp_path):
    captions = [[f"{n} {i}" for i in range(5)] for n in range(8091)]
    building.flickr(tmp_path / "flickr8k", captions)
    found = verify(open_dataset("flickr8k", root=tmp_path, split="all"))
    assert found.ok, str(found)
    assert found.found == DatasetCounts(8091, 40455)


# one's own data, of which no registry knows the counts

OWN = [["one", "two"], ["three"], ["four"]]


@pytest.mark.parametrize(
    ("build", "image"),
    [
        (lambda d: building.captions_beside(d, OWN), "00001.png"),
        (lambda d: building.csv_table(d, OWN), "images/00001.png"),
        (lambda d: building.flickr(d, OWN, "results_20130124.token"), "Images/1.jpg"),
    ],
)
def test_own_data_with_captions_good_short_and_damaged(tmp_path, build, image):
    build(tmp_path)
    good = verify(open_dataset(tmp_path))
    assert (good.ok, good.found.images, good.found.captions) == (True, 3, 4)
    (tmp_path / image).write_bytes(png(1)[:30])
    damaged = verify(open_dataset(tmp_path))
    assert damaged.faults_by_reason == {Reason.IMAGE_DAMAGED: 1, Reason.IMAGE_REFUSED: 1}
    (tmp_path / image).unlink()
    short = verify(open_dataset(tmp_path))
    assert "2 images instead of 3" in str(short)
    assert short.faults_by_reason[Reason.MEMBER_MISSING] == 1


def test_expected_counts_may_be_given(tmp_path):
    folder = building.wds(tmp_path, [labelled_shard([0, 1])], classnames="a\nb\n")
    found = verify(open_dataset(folder), expected=DatasetCounts(images=3, classes=2))
    assert found.short == ("2 images instead of 3",)


def test_only_a_deep_look_finds_damaged_pixels(tmp_path):
    image = bytearray(png(0))
    image[41:50] = bytes(9)
    good = (("b.png", png(1)), ("b.cls", b"1"))
    shard = tar([("a.png", bytes(image)), ("a.cls", b"0"), *good])
    dataset = open_dataset(building.wds(tmp_path, [shard], classnames="a\nb\n"))
    assert verify(dataset).ok
    assert verify(dataset, deep=True).faults_by_reason == {Reason.IMAGE_DAMAGED: 1}


def test_labels_outside_the_classes_and_classes_without_images_are_said(tmp_path):
    shard = labelled_shard([0, 3, -1])
    dataset = open_dataset(building.wds(tmp_path, [shard], classnames="a\nb\nc\n"))
    found = verify(dataset)
    assert found.faults_by_reason == {Reason.LABEL_OUT_OF_RANGE: 2}
    assert found.faults[0].source == "0/s0000001"
    assert found.empty_classes == (1, 2)


def test_what_comes_twice_is_counted(tmp_path):
    shard = tar(
        part
        for key in "ab"
        for part in ((f"{key}.png", png(0)), (f"{key}.txt", f"same\n{key}".encode()))
    )
    found = verify(open_dataset(building.wds(tmp_path, [shard], kind="retrieval")))
    assert (found.duplicate_images, found.duplicate_texts) == (1, 1)
    assert found.ok


def test_a_single_parquet_file_that_is_cut_off_is_named_when_it_is_opened(tmp_path):
    building.parquet(tmp_path, labels=LABELS, names=NAMES)
    cut("test-00000-of-00002.parquet")(tmp_path)
    with pytest.raises(DataError, match=r"test-00000-of-00002\.parquet .* cut off"):
        open_dataset(tmp_path)
