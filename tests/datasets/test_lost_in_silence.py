"""What used to vanish without a word is counted, refused by name, or said to be passed over."""

from __future__ import annotations

import gzip
import io
import os

import pytest
from PIL import Image as Picture

from clipbench.contract import Reason
from clipbench.datasets import Image, open_dataset, verify
from clipbench.datasets.types import Role, Unit
from clipbench.errors import DataError
from tests.datasets import building
from tests.datasets.building import png, tar, write


def told(found, unit=Unit.FILE, role=Role.PASSED_OVER):
    """What became of things of one role: {why: count}."""
    return {why: n for (became, why), n in found.inventory.counts[unit].items() if became is role}


def saved(name, **options):
    file = io.BytesIO()
    Picture.new("RGB", (8, 8), (200, 9, 9)).save(file, name, **options)
    return file.getvalue()


# keys with dots in shards


def keys_of(folder, members, **metadata):
    metadata.setdefault("classnames", "a\nb\n")
    dataset = open_dataset(building.wds(folder, [tar(members)], **metadata))
    return [(d.id, getattr(d, "labels", None)) for d in dataset.documents()], verify(dataset)


def labelled(*keys):
    """A PNG and a label of each key; the label is the key's number."""
    return [
        part
        for n, key in enumerate(keys)
        for part in ((f"{key}.png", png(n)), (f"{key}.cls", b"%d" % (n % 2)))
    ]


def test_names_with_dots_are_samples_by_their_last_suffix(tmp_path):
    ids, found = keys_of(tmp_path, labelled("photo_0.final", "photo_1", "22.00", "22.01", "v1.2.3"))
    assert [id for id, _ in ids] == [
        "0/photo_0.final",
        "0/photo_1",
        "0/22.00",
        "0/22.01",
        "0/v1.2.3",
    ]
    assert found.ok
    assert found.inventory.total(Unit.MEMBER) == 10


def test_parts_with_names_of_their_own_are_one_sample(tmp_path):
    members = [("s0.input.jpg", png(0)), ("s0.output.cls", b"1"), *labelled("s1")]
    ids, found = keys_of(tmp_path, members)
    assert ids == [("0/s0", (1,)), ("0/s1", (0,))]
    assert found.ok


def test_another_part_of_a_whole_sample_is_passed_over(tmp_path):
    members = [("a.png", png(0)), ("a.seg.png", png(1)), ("a.cls", b"0"), ("a.json", b"{}")]
    ids, found = keys_of(tmp_path, [*members, *labelled("b")])
    assert [id for id, _ in ids] == ["0/a", "0/b"]
    assert told(found, Unit.MEMBER) == {
        "another part of its sample": 1,
        "not an image, label or caption (.json)": 1,
    }


def test_a_dotted_sample_without_its_label_is_refused_and_not_taken_for_a_part(tmp_path):
    members = [*labelled("22.00"), ("22.01.png", png(5)), *labelled("22.02")]
    _, found = keys_of(tmp_path, members)
    assert found.faults_by_reason == {Reason.MEMBER_MISSING: 1}
    assert "22.01" in found.faults[0].source
    members = [("a.seg.png", png(0)), ("a.cls", b"0")]  # a mask is no image of its sample
    _, found = keys_of(tmp_path / "mask", [*members, *labelled("b", "c")])
    assert found.faults_by_reason == {Reason.MEMBER_MISSING: 2}


def test_a_shard_may_have_any_name_of_the_file_system(tmp_path):
    write(tmp_path, {"classnames.txt": "a\nb\n", "a.tar": building.labelled_shard([0, 1])})
    with open(os.fsencode(tmp_path) + b"/\xff.tar", "wb") as file:
        file.write(building.labelled_shard([0, 1])[:700])
    found = verify(open_dataset(tmp_path))
    assert found.faults[-1].source.encode() == b"\\xff.tar"
    assert "\\xff.tar" in str(found)


def test_images_apart_from_their_labels_never_fill_the_memory_or_pass_as_empty(tmp_path):
    images = [(f"k.{n}.png", png(n)) for n in range(4)]
    labels = [(f"k.{n}.cls", b"0") for n in range(4)]
    _, found = keys_of(tmp_path, [*images, *labels])
    assert (found.found.images, found.faults_by_reason) == (0, {Reason.MEMBER_MISSING: 4})
    assert not found.ok
    assert "nothing to score" in str(found)


def test_links_and_names_without_a_suffix_are_members_too(tmp_path):
    ids, found = keys_of(tmp_path, [("README", b"x"), (".h.png", b"x"), *labelled("a", "b")])
    assert len(ids) == 2
    assert told(found, Unit.MEMBER) == {"no suffix": 1, "hidden": 1}


def test_shards_in_gzip_are_read_and_a_cut_one_is_said(tmp_path):
    shard = building.labelled_shard([0, 1])
    folder = building.wds(tmp_path, [gzip.compress(shard)], classnames="a\nb\n")
    assert verify(open_dataset(folder)).ok
    (folder / "test/0.tar").rename(folder / "test/0.tar.gz")
    assert verify(open_dataset(folder)).ok
    (folder / "test/0.tar.gz").write_bytes(gzip.compress(shard)[:60])
    assert Reason.SHARD_DAMAGED in verify(open_dataset(folder)).faults_by_reason


# suffixes


@pytest.mark.parametrize("suffix", ["jfif", "JPE", "Avif", "ppm", "PGM", "TIFF", "mpo", "apng"])
def test_every_suffix_of_a_decoded_format_is_read_in_any_case(tmp_path, suffix):
    form = {"avif": "AVIF", "ppm": "PPM", "pgm": "PPM", "tiff": "TIFF", "apng": "PNG"}
    data = saved(form.get(suffix.lower(), "JPEG"))
    write(tmp_path, {"a/1.jpg": saved("JPEG"), f"b/1.{suffix}": data})
    found = verify(open_dataset(tmp_path), deep=True)
    assert found.ok, str(found)
    assert (found.found.images, found.found.classes) == (2, 2)


def test_a_format_that_is_not_decoded_is_refused_by_name_and_its_class_stays(tmp_path):
    write(tmp_path, {"a/1.png": png(0), "b/1.png": png(1), "c/1.HEIC": b"ftypheic"})
    found = verify(open_dataset(tmp_path))
    assert found.found.classes == 3  # chance is 1/3
    assert found.empty_classes == (2,)
    assert str(found.faults[0]).startswith("c/1.HEIC: not_an_image (.heic files are not decoded")


def test_what_lies_beside_is_told(tmp_path):
    write(tmp_path, {"a/1.png": png(0), "b/1.png": png(1), "stray.jpg": png(2), "a/7": png(3)})
    write(tmp_path, {"a/notes.md": "", ".DS_Store": "", ".git/x": "", ".git/y": ""})
    found = verify(open_dataset(tmp_path))
    assert told(found) == {
        "an image beside the class folders has no class": 1,
        "not an image (no suffix)": 1,
        "not an image (.md)": 1,
        "hidden": 2,
    }
    assert "7 files = 2 image + 5 passed over" in str(found)


def test_links_are_followed_but_never_in_a_circle(tmp_path):
    write(tmp_path, {"data/a/1.png": png(0), "elsewhere/2.png": png(1), "one.png": png(2)})
    (tmp_path / "data/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/a/in").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/a/3.png").symlink_to(tmp_path / "one.png")
    (tmp_path / "data/a/back").symlink_to(tmp_path / "data")
    (tmp_path / "data/a/gone.png").symlink_to(tmp_path / "nowhere")
    dataset = open_dataset(tmp_path / "data")
    ids = [d.id for d in dataset.documents() if isinstance(d, Image)]
    assert ids == ["a/1.png", "a/3.png", "a/in/2.png", "b/2.png"]
    found = verify(dataset)
    assert told(found) == {"a link to a folder above it": 1}
    assert found.faults_by_reason == {Reason.MEMBER_MISSING: 1}


@pytest.mark.parametrize("name", ["t.csv", "captions.txt", "dataset_coco.json", "x.parquet"])
def test_a_pipe_is_never_waited_for(tmp_path, name):
    write(tmp_path, {"a/1.png": png(0), "b/1.png": png(1)})
    os.mkfifo(tmp_path / name)
    os.mkfifo(tmp_path / "a/2.png")
    found = verify(open_dataset(tmp_path))
    assert found.found.images == 2
    assert found.faults_by_reason == {Reason.MEMBER_MISSING: 1}
    assert found.inventory.total(Unit.FILE) == 4


def test_a_file_without_bytes_has_no_bytes(tmp_path):
    write(tmp_path, {"a/1.png": png(0), "b/1.png": png(1), "b/empty.jpg": b""})
    shard = tar([("a.png", b""), ("a.cls", b"0"), *labelled("b", "c")])
    building.wds(tmp_path / "wds", [shard], classnames="a\nb\n")
    for folder, layout in ((tmp_path, "classes"), (tmp_path / "wds", None)):
        found = verify(open_dataset(folder, layout=layout))
        assert found.faults_by_reason == {Reason.EMPTY: 1}
        assert found.faults[0].detail == "the file has no bytes"


def test_a_sample_whose_captions_are_empty_is_told(tmp_path):
    write(tmp_path / "a", {"1.png": png(1), "1.txt": "", "2.png": png(2), "2.txt": "two"})
    building.parquet(tmp_path / "b", captions=[[], ["two"]])
    for folder in (tmp_path / "a", tmp_path / "b"):
        found = verify(open_dataset(folder))
        assert (found.found.images, found.found.captions) == (2, 1)
        assert found.faults_by_reason == {Reason.EMPTY: 1}


# verify is not ok when a run would not be


def test_what_the_encoder_refuses_verify_refuses(tmp_path):
    odd = {"b/2.png": saved("TGA"), "b/3.jpg": saved("JPEG2000"), "b/4.png": saved("ICO")}
    bomb = io.BytesIO()
    Picture.new("1", (12000, 12000)).save(bomb, "PNG")
    write(tmp_path, {"a/1.jpg": saved("JPEG"), **odd, "b/5.png": bomb.getvalue()})
    for deep in (False, True):
        found = verify(open_dataset(tmp_path), deep=deep)
        assert found.faults_by_reason == {Reason.NOT_AN_IMAGE: 3, Reason.IMAGE_TOO_LARGE: 1}


def test_a_data_set_that_a_run_would_not_score_is_not_ok(tmp_path):
    one = building.wds(tmp_path / "one", [building.labelled_shard([0])], classnames="a\n")
    assert "a run needs at least 2" in str(verify(open_dataset(one)))
    none = building.wds(tmp_path / "none", [tar([("x.json", b"{}")])], classnames="a\nb\n")
    assert not verify(open_dataset(none)).ok
    texts = building.parquet(tmp_path / "texts", captions=["\x20", ""])
    assert "no caption can be read" in str(verify(open_dataset(texts)))


def test_an_id_that_no_server_takes_is_a_fault(tmp_path):
    deep = "/".join(["d" * 200] * 3)
    write(tmp_path, {"a/1.png": png(0), f"b/{deep}/1.png": png(1)})
    assert verify(open_dataset(tmp_path)).faults_by_reason == {Reason.ID_INVALID: 1}


def test_a_class_folder_without_an_image_is_told_and_is_a_class_where_it_is_named(tmp_path):
    write(tmp_path, {"bird/notes.txt": "none yet", "cat/1.png": png(0), "dog/1.png": png(1)})
    (tmp_path / "eel/young").mkdir(parents=True)
    data = open_dataset(tmp_path)
    assert data.classnames == ("cat", "dog")
    assert data.warnings == (
        "no image in bird, eel: no class, so no image is compared with its name",
    )
    found = verify(data)
    assert told(found, Unit.FOLDER) == {"no image in it, so no class": 2}
    assert "(bird, eel)" in str(found.inventory)
    write(tmp_path, {"classnames.txt": "a bird\na cat\na dog\nan eel\n"})
    named = open_dataset(tmp_path)
    assert named.classnames == ("a bird", "a cat", "a dog", "an eel")
    assert [d.labels for d in named.documents()] == [(1,), (2,)]
    assert named.warnings == ("no image in bird, eel: a class each, since classnames.txt names it",)
    assert told(verify(named), Unit.FOLDER) == {}
    write(tmp_path, {"classnames.txt": "a bird\na cat\na dog\n"})
    with pytest.raises(DataError, match=r"3 names for 2 class folders \(no image in bird, eel\)"):
        open_dataset(tmp_path)
    write(tmp_path, {"classnames.txt": "a cat\na dog\n", "bird/1.png": png(2), "eel/1.png": png(3)})
    (tmp_path / "classnames.txt").unlink()
    assert open_dataset(tmp_path).warnings == ()
    lonely = write(tmp_path / "lonely", {"cat/1.png": png(0), "dog/notes.txt": ""})
    with pytest.raises(DataError, match=r"in one folder only \(cat\), none in dog"):
        open_dataset(lonely)
