"""The wds layout: samples, labels, class names, and everything that can be wrong with a shard."""

import io

import numpy as np
import pytest

from clipbench.contract import Reason
from clipbench.datasets import Image, Task, Text, Unreadable, UnreadableKind, open_dataset
from clipbench.errors import DataError, InvalidRequest, UnknownName
from tests.datasets import building
from tests.datasets.building import labelled_shard, png, tar


def read(folder, shards, **metadata):
    metadata.setdefault("classnames", "cat\ndog\n")
    return list(open_dataset(building.wds(folder, shards, **metadata)).documents())


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_keys_may_repeat_in_other_shards(tmp_path):
    images = read(tmp_path, [labelled_shard([0, 1]), labelled_shard([1])])
    assert [(i.id, i.index, i.labels) for i in images] == [
        ("0/s0000000", 0, (0,)),
        ("0/s0000001", 1, (1,)),
        ("1/s0000000", 2, (1,)),
    ]
    assert [i.data for i in images] == [png(0), png(1), png(0)]


def test_captions_are_one_a_line_in_any_number(tmp_path):
    shard = building.captioned_shard([["a b", "c"], [], ["é"] * 7])
    documents = read(tmp_path, [shard], kind="retrieval\n")
    texts = [d for d in documents if isinstance(d, Text)]
    assert [t.id for t in texts[:3]] == ["0/s0000000#0", "0/s0000000#1", "0/s0000002#0"]
    assert [t.index for t in texts] == [0, 1, *range(3, 10)]
    assert texts[1].text == "c"
    (empty,) = [d for d in documents if isinstance(d, Unreadable)]
    assert (empty.id, empty.index, empty.reason) == ("0/s0000001#0", 2, Reason.EMPTY)
    assert sum(isinstance(d, Image) for d in documents) == 3


def test_a_type_file_is_needed_only_for_other_tasks_than_classification(tmp_path):
    folder = building.wds(tmp_path, [labelled_shard([0])], classnames="cat\n")
    assert open_dataset(folder).task is Task.CLASSIFICATION
    (folder / "dataset_type.txt").write_text("segmentation")
    with pytest.raises(DataError, match="segmentation"):
        open_dataset(folder)


def test_class_names_keep_their_order_and_may_be_empty_or_alike(tmp_path):
    folder = building.wds(tmp_path, [labelled_shard([0])], classnames="far\r\n\nnear\nfar\n\n")
    assert open_dataset(folder).classnames == ("far", "", "near", "far", "")


def test_templates_come_from_the_folder_the_caller_or_the_default(tmp_path):
    folder = building.wds(tmp_path, [labelled_shard([0])], classnames="cat\n", templates="my {c}\n")
    assert open_dataset(folder).templates == ("my {c}",)
    assert open_dataset(folder, templates=["your {c}"]).templates == ("your {c}",)
    (folder / "zeroshot_classification_templates.txt").unlink()
    assert len(open_dataset(folder).templates) == 7
    (folder / "zeroshot_classification_templates.txt").write_text("no place\n")
    with pytest.raises(DataError, match="no place"):
        open_dataset(folder)


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "png", "webp", "gif", "bmp", "tif", "tiff"])
def test_an_image_may_have_any_known_suffix(tmp_path, suffix):
    (image,) = read(tmp_path, [tar([(f"./a/b.{suffix}", b"data"), ("./a/b.cls", b" 1\n")])])
    assert (image.id, image.data, image.labels) == ("0/./a/b", b"data", (1,))


def test_members_of_other_suffixes_and_hidden_files_are_passed_over(tmp_path):
    shard = tar(
        [
            *(("a.png", png(1)), ("a.json", b"{}"), ("a.seg.png", b"mask"), ("._a.png", b"mac")),
            *(("a.cls", b"1"), (".png", b"x"), ("README", b"x")),
        ]
    )
    (image,) = read(tmp_path, [shard])
    assert (image.data, image.labels) == (png(1), (1,))


def test_multilabel_vectors_become_sets_of_classes(tmp_path):
    shard = tar(
        [
            *(("a.png", png(0)), ("a.npy", npy(np.array([1, 0, 1], np.float32)))),
            *(("b.png", png(1)), ("b.npy", npy(np.zeros(3, bool)))),
            *(("c.png", png(2)), ("c.npy", npy(np.array([1, 2, 0])))),
            *(("d.png", png(3)), ("d.npy", npy(np.array([1, 0])))),
            *(("e.png", png(4)), ("e.npy", npy(np.array([[], {}], object)))),
        ]
    )
    documents = read(tmp_path, [shard], kind="multilabel", classnames="x\ny\nz\n")
    assert [d.labels for d in documents[:2]] == [(0, 2), ()]
    assert [d.reason for d in documents[2:]] == [Reason.LABEL_INVALID] * 3


def test_an_array_that_claims_to_be_huge_is_refused_without_taking_its_word(tmp_path):
    array = npy(np.zeros(3, np.float32)).replace(b"(3,)", b"(9999999999999,)")
    documents = read(tmp_path, [tar([("a.png", png(0)), ("a.npy", array)])], kind="multilabel")
    assert documents[0].reason is Reason.LABEL_INVALID


@pytest.mark.parametrize("label", [b"", b"cat", b"1.0", b"1 2", b"9" * 40, b"\xff"])
def test_a_label_of_the_wrong_kind_is_refused_with_shard_and_key(tmp_path, label):
    shard = tar([("a.png", png(0)), ("a.cls", label), ("b.png", png(1)), ("b.cls", b"1")])
    refused, image = read(tmp_path, [shard])
    assert (refused.reason, refused.source) == (Reason.LABEL_INVALID, "test/0.tar a")
    assert (image.id, image.index, image.labels) == ("0/b", 1, (1,))


def test_a_missing_member_is_refused_and_positions_stay(tmp_path):
    shard = tar(
        [("a.cls", b"0"), ("b.png", png(1)), ("c.png", png(2)), ("c.cls", b"1")],
    )
    no_image, no_label, image = read(tmp_path, [shard])
    assert (no_image.reason, no_image.source) == (Reason.MEMBER_MISSING, "test/0.tar a")
    assert (no_label.reason, no_label.detail) == (
        Reason.MEMBER_MISSING,
        "b.cls, the label, is missing",
    )
    assert image.index == 2


def test_texts_of_a_missing_image_are_refused_with_it_and_keep_their_positions(tmp_path):
    shard = tar([("a.txt", b"one\ntwo"), ("b.png", png(1)), ("b.txt", b"three")])
    image, *texts, _, third = read(tmp_path, [shard], kind="retrieval")
    assert image.reason is Reason.MEMBER_MISSING
    assert [(t.id, t.index, t.kind, t.reason) for t in texts] == [
        ("0/a#0", 0, UnreadableKind.TEXT, Reason.IMAGE_REFUSED),
        ("0/a#1", 1, UnreadableKind.TEXT, Reason.IMAGE_REFUSED),
    ]
    assert (third.text, third.index) == ("three", 2)


def test_a_caption_that_is_not_utf8_is_refused_alone(tmp_path):
    shard = tar([("a.png", png(0)), ("a.txt", "gut\nschön\nda".encode("latin1"))])
    image, good, bad, last = read(tmp_path, [shard], kind="retrieval")
    assert isinstance(image, Image)
    assert (good.text, last.text, last.index) == ("gut", "da", 2)
    assert (bad.reason, bad.id, bad.source) == (Reason.TEXT_NOT_UTF8, "0/a#1", "test/0.tar a")


def test_an_empty_caption_between_others_is_refused_and_blank_lines_at_the_end_are_none(tmp_path):
    shard = tar([("a.png", png(0)), ("a.txt", b"\xef\xbb\xbfone\r\n \r\ntwo\r\n\r\n")])
    _, one, empty, two = read(tmp_path, [shard], kind="retrieval")
    assert (one.text, empty.reason, two.text) == ("one", Reason.EMPTY, "two")


def test_a_key_that_comes_again_is_refused_under_an_id_of_its_own(tmp_path):
    shard = tar(
        [
            *(("a.png", png(0)), ("a.cls", b"0"), ("b.png", png(1)), ("b.cls", b"1")),
            *(("a.png", png(2)), ("a.cls", b"1")),
        ]
    )
    documents = read(tmp_path, [shard])
    assert len({d.id for d in documents}) == 3
    assert (documents[2].reason, documents[2].source) == (Reason.DUPLICATE_ID, "test/0.tar a")


def test_a_member_that_comes_twice_is_refused(tmp_path):
    (refused,) = read(tmp_path, [tar([("a.png", png(0)), ("a.png", png(1)), ("a.cls", b"0")])])
    assert refused.reason is Reason.DUPLICATE_ID


def test_a_shard_cut_off_inside_a_member_gives_what_came_before_and_the_next_shard(tmp_path):
    whole = labelled_shard([0, 1, 0])
    documents = read(tmp_path, [whole[: 2 * 2048 + 512 + 20], labelled_shard([1])])
    first, second, cut, gap, next_shard = documents
    assert isinstance(first, Image)
    assert isinstance(second, Image)
    assert (cut.kind, cut.index, cut.source) == (UnreadableKind.IMAGE, 2, "test/0.tar s0000002")
    assert (gap.kind, gap.index, gap.source) == (UnreadableKind.SHARD, None, "test/0.tar")
    assert cut.reason is gap.reason is Reason.SHARD_DAMAGED
    assert (next_shard.id, next_shard.index) == ("1/s0000000", 3)


def test_a_shard_cut_off_between_members_is_known_by_its_missing_end(tmp_path):
    shard = labelled_shard([0, 1])
    *images, gap = read(tmp_path, [shard[: 2 * 2048]])
    assert [i.index for i in images] == [0, 1]
    assert (gap.kind, gap.reason) == (UnreadableKind.SHARD, Reason.SHARD_DAMAGED)
    assert "end-of-archive" in gap.detail


def test_after_a_damaged_header_the_next_sample_is_read(tmp_path):
    shard = bytearray(labelled_shard([0, 1, 0]))
    shard[2048:2300] = b"\xa5" * 252
    documents = read(tmp_path, [bytes(shard)])
    assert [d.index for d in documents if isinstance(d, Image)] == [0, 2]
    damage = [d for d in documents if isinstance(d, Unreadable)]
    assert {d.reason for d in damage} == {Reason.SHARD_DAMAGED, Reason.MEMBER_MISSING}


def test_a_shard_that_is_not_there_is_refused_and_the_next_is_read(tmp_path):
    folder = building.wds(tmp_path, [labelled_shard([0])] * 3, classnames="cat\n")
    (folder / "test/1.tar").unlink()
    documents = list(open_dataset(folder).documents())
    assert [(d.id, d.index) for d in documents] == [
        ("0/s0000000", 0),
        ("test/1.tar!0", None),
        ("2/s0000000", 1),
    ]
    assert documents[1].reason is Reason.UNREADABLE


@pytest.mark.parametrize("data", [b"", b"not a tar", b"\x1f\x8b" + b"\1" * 2000])
def test_a_shard_that_is_no_tar_is_refused(tmp_path, data):
    documents = read(tmp_path, [data, labelled_shard([1])])
    assert documents[0].reason is Reason.SHARD_DAMAGED
    assert isinstance(documents[-1], Image)


def test_what_is_missing_beside_the_shards_is_said_when_it_is_opened(tmp_path):
    folder = building.wds(tmp_path, [labelled_shard([0])])
    with pytest.raises(DataError, match=r"classnames\.txt"):
        open_dataset(folder)
    (folder / "classnames.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(DataError, match="not UTF-8"):
        open_dataset(folder)
    (folder / "classnames.txt").write_text("cat\n")
    (folder / "test/nshards.txt").write_text("many")
    with pytest.raises(DataError, match="many"):
        open_dataset(folder)


def test_splits_are_chosen_by_name(tmp_path):
    building.wds(tmp_path, [labelled_shard([0])], classnames="cat\n", split="train")
    assert open_dataset(tmp_path).split == "train"
    building.wds(tmp_path, [labelled_shard([0])], split="test")
    assert open_dataset(tmp_path).split == "test"
    with pytest.raises(UnknownName, match=r"trian.*train"):
        open_dataset(tmp_path, split="trian")
    with pytest.raises(InvalidRequest):
        open_dataset(tmp_path, split="../elsewhere")
