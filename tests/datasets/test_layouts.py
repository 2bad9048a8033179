"""One's own data: each layout is recognised and read, good and bad, and ambiguity is said."""

import os

import pytest

from clipbench.contract import Reason
from clipbench.datasets import Image, Task, Text, open_dataset
from clipbench.datasets.layouts import wordnet
from clipbench.errors import DataError, InvalidRequest, UnknownName
from tests.datasets import building
from tests.datasets.building import png, write

CAPTIONS = [["one", "two, or so"], ["three"], ["four", "five", "six"]]


def captions_of(dataset):
    """Captions by image content, in order."""
    found = {}
    for document in dataset.documents():
        if isinstance(document, Image):
            data = document.data
            found[data] = []
        else:
            assert isinstance(document, Text)
            found[data].append(document.text)
    return found


@pytest.mark.parametrize(
    ("layout", "build"),
    [
        ("wds", lambda d: building.wds(d, [building.captioned_shard(CAPTIONS)], kind="retrieval")),
        ("captions", lambda d: building.captions_beside(d, CAPTIONS)),
        ("csv", lambda d: building.csv_table(d, CAPTIONS)),
        ("csv", lambda d: building.csv_table(d, CAPTIONS, ";")),
        ("csv", lambda d: building.csv_table(d, CAPTIONS, "\t")),
        ("parquet", lambda d: building.parquet(d, captions=CAPTIONS)),
        ("flickr", lambda d: building.flickr(d, CAPTIONS)),
        ("flickr", lambda d: building.flickr(d, CAPTIONS, "results_20130124.token")),
        ("flickr", lambda d: building.flickr(d, CAPTIONS, "results.csv")),
        ("coco", lambda d: building.coco(d, CAPTIONS)),
    ],
)
def test_captions_are_the_same_in_every_layout(tmp_path, layout, build):
    dataset = open_dataset(build(tmp_path / "my-images"))
    assert (dataset.id, dataset.layout, dataset.task) == ("my-images", layout, Task.RETRIEVAL)
    assert captions_of(dataset) == {png(n): texts for n, texts in enumerate(CAPTIONS)}
    assert dataset.images in (3, None)
    assert [d.index for d in dataset.documents() if isinstance(d, Text)] == list(range(6))


@pytest.mark.parametrize(
    ("layout", "build"),
    [
        (
            "wds",
            lambda d, y: building.wds(d, [building.labelled_shard(y)], classnames="0\n1\n2\n"),
        ),
        ("classes", building.class_folders),
        ("parquet", lambda d, y: building.parquet(d, labels=y, names=("0", "1", "2"))),
    ],
)
def test_labels_are_the_same_in_every_layout(tmp_path, layout, build):
    dataset = open_dataset(build(tmp_path, [2, 0, 1, 2]))
    assert (dataset.layout, dataset.task, dataset.split) == (layout, Task.CLASSIFICATION, "test")
    assert dataset.classnames == ("0", "1", "2")
    found = {d.data: d.labels for d in dataset.documents()}
    assert found == {png(0): (2,), png(1): (0,), png(2): (1,), png(3): (2,)}


# class folders


def test_class_names_are_folder_names_with_spaces_in_the_order_of_the_names(tmp_path):
    files = {"golden_retriever/a.jpg": png(0), "Zebra/deep/er/b.JPG": png(1), "cat/c.png": png(2)}
    dataset = open_dataset(write(tmp_path, {**files, "cat/notes.md": "", ".hidden/x.png": "x"}))
    assert dataset.classnames == ("Zebra", "cat", "golden retriever")
    assert [(d.id, d.labels) for d in dataset.documents()] == [
        ("Zebra/deep/er/b.JPG", (0,)),
        ("cat/c.png", (1,)),
        ("golden_retriever/a.jpg", (2,)),
    ]
    assert dataset.images == 3
    assert dataset.split == "all"


def test_better_class_names_and_templates_may_lie_beside_the_folders(tmp_path):
    write(tmp_path, {"n1/a.jpg": png(0), "n2/b.jpg": png(1), "classnames.txt": "tench\ngoldfish\n"})
    write(tmp_path, {"zeroshot_classification_templates.txt": "a {c}\n"})
    dataset = open_dataset(tmp_path)
    assert (dataset.classnames, dataset.templates) == (("tench", "goldfish"), ("a {c}",))
    write(tmp_path, {"classnames.txt": "tench\n"})
    with pytest.raises(DataError, match="1 names for 2 class folders"):
        open_dataset(tmp_path)


def test_split_folders_are_not_classes(tmp_path):
    building.class_folders(tmp_path, [0, 1], split="train")
    building.class_folders(tmp_path, [1, 0, 1], split="val")
    assert open_dataset(tmp_path).split == "val"
    assert open_dataset(tmp_path, split="train").images == 2
    with pytest.raises(UnknownName, match="train"):
        open_dataset(tmp_path, split="test")


def test_a_file_name_that_is_not_utf8_has_a_printable_id(tmp_path):
    write(tmp_path, {"a/1.png": png(0), "b/2.png": png(1)})
    with open(os.fsencode(tmp_path) + b"/a/\xff.png", "wb") as file:
        file.write(png(3))
    ids = [d.id for d in open_dataset(tmp_path).documents()]
    assert ids == ["a/1.png", "a/\\xff.png", "b/2.png"]


def test_a_folder_whose_name_is_not_utf8_has_a_printable_id_and_source(tmp_path):
    for number, name in enumerate((b"a", b"b")):
        folder = os.fsencode(tmp_path) + b"/caf\xe9/" + name
        os.makedirs(folder)
        with open(folder + b"/1.png", "wb") as file:
            file.write(png(number))
    dataset = open_dataset(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    assert (dataset.id, dataset.source) == ("caf\\xe9", f"{tmp_path}/caf\\xe9")
    assert len(list(dataset.documents())) == 2


# images with a text beside each


def test_an_image_without_its_text_and_a_text_without_its_image_are_refused(tmp_path):
    write(tmp_path, {"a.jpg": png(0), "a.txt": "one", "b.jpg": png(1), "c.txt": "three"})
    write(tmp_path, {"README.txt": "not a caption"})
    documents = list(open_dataset(tmp_path).documents())
    assert [(d.id, getattr(d, "reason", None)) for d in documents] == [
        ("a.jpg", None),
        ("a.jpg#0", None),
        ("b.jpg", Reason.MEMBER_MISSING),
        ("c.txt", Reason.MEMBER_MISSING),
        ("c.txt#0", Reason.IMAGE_REFUSED),
    ]


def test_class_folders_with_texts_are_ambiguous_until_the_layout_is_named(tmp_path):
    write(tmp_path, {"a/1.jpg": png(0), "a/1.txt": "one", "b/2.jpg": png(1), "b/2.txt": "two"})
    with pytest.raises(InvalidRequest, match=r"captions .* or classes"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, layout="classes").task is Task.CLASSIFICATION
    assert open_dataset(tmp_path, layout="captions").task is Task.RETRIEVAL


def test_a_folder_of_nothing_known_says_what_is_known(tmp_path):
    write(tmp_path, {"a.jpg": png(0), "b.jpg": png(1)})
    with pytest.raises(DataError, match="classes: a folder of images for each class"):
        open_dataset(tmp_path)
    with pytest.raises(UnknownName, match="classes"):
        open_dataset(tmp_path, layout="class")


def test_a_name_that_is_neither_known_nor_there_names_near_ones(tmp_path):
    with pytest.raises(UnknownName, match="vtab/cifar100"):
        open_dataset("cifar100")
    with pytest.raises(UnknownName):
        open_dataset(tmp_path / "nothing")


def test_one_s_own_data_never_pass_for_a_registered_set(tmp_path):
    folder = building.captions_beside(tmp_path / "flickr8k", CAPTIONS)
    assert open_dataset(folder).id == "local/flickr8k"
    assert open_dataset("flickr8k", root=tmp_path).id == "flickr8k"


def test_an_archive_is_to_be_unpacked(tmp_path):
    write(tmp_path, {"photos.zip": b"PK"})
    with pytest.raises(DataError, match=r"photos\.zip, an archive: unpack it"):
        open_dataset(tmp_path / "photos.zip")


def test_folders_of_wordnet_ids_have_imagenet_s_names(tmp_path):
    ids = ("n01443537", "n01440764")
    write(tmp_path, {f"{id}/{n}.png": png(n) for id in ids for n in range(2)})
    assert open_dataset(tmp_path).classnames == ("tench", "goldfish")
    write(tmp_path, {"n99999999/1.png": png(1)})  # no class of ImageNet's: none is renamed
    assert open_dataset(tmp_path).classnames == ("n01440764", "n01443537", "n99999999")
    write(tmp_path, {"classnames.txt": "a\nb\nc"})
    assert open_dataset(tmp_path).classnames == ("a", "b", "c")


def test_the_names_are_open_clip_s_and_the_ids_timm_s():
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    ids = [info.index_to_label_name(index) for index in range(info.num_classes())]
    assert list(wordnet.names().items()) == list(zip(ids, IMAGENET_CLASSNAMES, strict=True))
