"""WinoGAViL as it is published: a table of cues, and a zip archive or its folder of images."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest

from clipbench.contract import Reason
from clipbench.datasets import Image, Inventory, Text, Unreadable, open_dataset, pull, verify
from clipbench.datasets.layouts import zipped
from clipbench.errors import DataError, InvalidRequest, UnknownName
from tests.datasets import building, serving
from tests.datasets.building import png, write

ID = "misc/winogavil"
HEAD = (
    *("", "candidates", "cue", "associations", "score_fool_the_ai", "num_associations"),
    *("num_candidates", "solvers_jaccard_mean", "solvers_jaccard_std", "ID"),
)
NAMES = ("eagle", "teepee", "tea party", "metal", "ash")
ROWS = (
    ("bald", NAMES[:3], ("eagle", "teepee")),
    ("Orange", NAMES[1:], ("metal",)),
    ("bald", NAMES[2:], ("ash", "metal")),
    ("bald", NAMES[2:], ("ash", "metal")),  # the published table has such, too
)
TEXTS = ["A bald", "An orange", "A bald", "A bald"]
IMAGES = {f"winogavil_images/{name}.jpg": png(n) for n, name in enumerate(NAMES)}


def table(rows, extra=()):
    """The published table. rows: of cue, candidates, associations. extra: whole rows."""
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(HEAD)
    for n, (cue, candidates, chosen) in enumerate(rows):
        lists = json.dumps(list(candidates)), json.dumps(list(chosen))
        numbers = (67, len(chosen), len(candidates), 1.0, 0.0, n)
        writer.writerow((n, lists[0], cue, lists[1], *numbers))
    writer.writerows(extra)
    return made.getvalue()


def archive(members, kind=zipfile.ZIP_DEFLATED):
    """A zip archive; a member given twice is in it twice."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as file:
        for name, data in members:
            file.writestr(name, data)
    return made.getvalue()


def published(folder, rows=ROWS, images=IMAGES, extra=()):
    """The two files as they are downloaded."""
    packed = archive(images.items() if isinstance(images, dict) else images)
    files = {"winogavil_dataset.csv": table(rows, extra), "winogavil_images.zip": packed}
    return write(folder, files)


def asked(dataset):
    """Of each text its candidates by name, and whether each is an association."""
    return [
        (d.text, {id_.rpartition("/")[2].removesuffix(".jpg"): g for id_, g in d.judgements})
        for d in dataset.documents()
        if isinstance(d, Text)
    ]


def refused(dataset):
    """What is refused: its source, reason and detail."""
    found = [d for d in dataset.documents() if isinstance(d, Unreadable)]
    return {d.source: (d.reason, d.detail) for d in found}


def test_a_row_is_a_query_and_the_zip_is_as_good_as_its_folder(tmp_path):
    packed = open_dataset(published(tmp_path / "packed"))
    assert (packed.layout, packed.split, packed.judged, packed.images) == (
        *("associations", "test", True),
        len(NAMES),
    )
    assert asked(packed) == [
        (text, {name: int(name in chosen) for name in candidates})
        for text, (_, candidates, chosen) in zip(TEXTS, ROWS, strict=True)
    ]
    rows = {"winogavil_dataset.csv": table(ROWS)}
    unpacked = open_dataset(write(tmp_path / "unpacked", {**rows, **IMAGES}))
    assert list(unpacked.documents()) == list(packed.documents())
    first, second = verify(packed), verify(unpacked)
    assert first.ok
    assert first.sha256 == second.sha256
    assert first.inventory.as_mapping() == {
        "files": {"metadata: an archive": 1, "metadata: table": 1},
        "members of shards": {"image": 5},
        "rows": {"captions": 4, "metadata: header": 1},
    }
    with pytest.raises(UnknownName, match="test"):
        open_dataset(tmp_path / "packed", split="train")


def test_rows_that_cannot_be_asked_are_refused_one_by_one(tmp_path):
    a, b = json.dumps(["eagle", "ash"]), json.dumps(["ash"])
    bad = {
        "json": ('["eagle", ', "bald", b),
        "list": ('"eagle"', "bald", b),
        "image": (json.dumps(["eagle", "yak", "ash"]), "bald", b),
        "strange": (a, "bald", json.dumps(["metal"])),
        "twice": (json.dumps(["eagle", "eagle", "ash"]), "bald", b),
        "all": (a, "bald", a),
        "none": (a, "bald", "[]"),
        "cue": (a, " ", b),
    }
    extra = [(0, *values, 0, 1, 2, 1.0, 0.0, id_) for id_, values in bad.items()]
    extra += [(0, a, "again", b, 0, 1, 2, 1.0, 0.0, "1"), (0, a, "nameless", b, *[""] * 6)]
    data = open_dataset(published(tmp_path, extra=extra))
    assert [text for text, _ in asked(data)] == TEXTS
    found = refused(data)
    reasons, details = zip(*found.values(), strict=True)
    assert list(found) == [f"winogavil_dataset.csv line {n}" for n in range(6, 16)]
    assert reasons == (
        *(Reason.JUDGEMENT_INVALID, Reason.JUDGEMENT_INVALID, Reason.MEMBER_MISSING),
        *(Reason.JUDGEMENT_INVALID,) * 4,
        *(Reason.EMPTY, Reason.DUPLICATE_ID, Reason.MEMBER_MISSING),
    )
    for detail, part in zip(details, ("no JSON", "no list", "'yak'", "'metal'"), strict=False):
        assert part in detail
    inventory = Inventory()
    list(data.documents(inventory))
    rows = inventory.as_mapping()["rows"]
    assert (rows["captions"], sum(rows.values())) == (4, 4 + 1 + len(extra))


def test_what_is_in_an_archive_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(zipped, "MAX_IMAGE_BYTES", 10_000)
    packed = [(name, data) for name, data in IMAGES.items() if "eagle" not in name]
    damaged = archive([*packed, ("winogavil_images/eagle.jpg", b"\0" * 20_000)])
    strange = [
        *packed,
        ("../eagle.jpg", png(7)),
        ("/eagle.jpg", png(7)),
        ("winogavil_images/ash.jpg", png(8)),  # again
        ("other/metal.jpg", png(9)),  # an image of the same name
        ("__MACOSX/winogavil_images/._ash.jpg", b"no image"),
        ("winogavil_images/readme.txt", b"text"),
    ]
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = open_dataset(published(tmp_path / "names", images=strange))
    assert {text for text, _ in asked(data)} == {"An orange", "A bald"}
    assert [(s.partition(" ")[2], reason) for s, (reason, _) in refused(data).items()][:3] == [
        ("../eagle.jpg", Reason.UNREADABLE),
        ("/eagle.jpg", Reason.UNREADABLE),
        ("winogavil_images/ash.jpg", Reason.DUPLICATE_ID),
    ]
    assert not (tmp_path / "eagle.jpg").exists()
    told = str(verify(data).inventory)
    for why in ("hidden", "not an image", "another image of a name"):
        assert why in told

    written = {"winogavil_dataset.csv": table(ROWS), "winogavil_images.zip": damaged}
    bomb = open_dataset(write(tmp_path / "bomb", written))
    (reason, _), *_ = refused(bomb).values()
    assert reason is Reason.IMAGE_TOO_LARGE
    assert len([d for d in bomb.documents() if isinstance(d, Image)]) == len(NAMES) - 1

    other = archive(IMAGES.items(), zipfile.ZIP_BZIP2)
    bzip2 = open_dataset(write(tmp_path / "bzip2", {**written, "winogavil_images.zip": other}))
    assert {reason for reason, _ in refused(bzip2).values()} == {Reason.UNREADABLE}


def test_an_archive_that_is_cut_off_or_names_too_much_is_refused_as_a_whole(tmp_path, monkeypatch):
    folder, whole = write(published(tmp_path), IMAGES), archive(IMAGES.items(), zipfile.ZIP_STORED)
    write(folder, {"winogavil_images.zip": whole[:-30]})
    data = open_dataset(folder)  # its folder is there as well
    assert len(asked(data)) == len(ROWS)
    assert refused(data)["winogavil_images.zip"][0] is Reason.SHARD_DAMAGED
    write(folder, {"winogavil_images.zip": whole})
    monkeypatch.setattr(zipped, "MAX_ZIP_DIRECTORY_BYTES", 100)
    assert "directory is larger" in refused(open_dataset(folder))["winogavil_images.zip"][1]
    changed = bytearray(whole)
    changed[whole.index(png(2)) + 40] ^= 1
    monkeypatch.undo()
    alone = {"winogavil_dataset.csv": table(ROWS), "winogavil_images.zip": bytes(changed)}
    (reason, why), *_ = refused(open_dataset(write(tmp_path / "alone", alone))).values()
    assert reason is Reason.UNREADABLE
    assert "CRC" in why


def test_a_folder_without_images_or_with_two_tables_says_so(tmp_path):
    rows = {"winogavil_dataset.csv": table(ROWS)}
    with pytest.raises(DataError, match="no image that a row names"):
        open_dataset(write(tmp_path / "none", rows))
    two = write(tmp_path / "two", {**rows, "mine.csv": table(ROWS), **IMAGES})
    with pytest.raises(InvalidRequest, match=r"mine\.csv"):
        open_dataset(two)
    mine = open_dataset(two / "mine.csv")
    assert len(asked(mine)) == len(ROWS)
    assert verify(mine).inventory.as_mapping()["files"] == {"image": 5, "metadata: table": 1}


def test_the_registered_set_is_pulled_resumed_and_read_offline(tmp_path):
    published(tmp_path / "there")
    root = tmp_path / "root"
    with serving.serving(tmp_path / "there") as server:
        server.behaviours["winogavil_images.zip"] = [serving.cut(100)]
        folder = pull(ID, root, base=server.url)
        asked_for = [span for name, span in server.requests if name == "winogavil_images.zip"]
        assert asked_for == [None, "bytes=100-"]
        requests = len(server.requests)
        data = open_dataset(ID, root=root, offline=True)
        assert asked(data) == asked(open_dataset(tmp_path / "there"))
        assert (data.id, data.source, data.images) == (ID, server.url, len(NAMES))
        assert len(server.requests) == requests
        found = verify(data)
        assert found.short == ("5 images instead of 2,044", "4 captions instead of 3,563")
        assert folder == root / "wds_misc-winogavil"
        (tmp_path / "there/winogavil_images.zip").unlink()
        with pytest.raises(DataError, match=r"has no winogavil_images\.zip"):
            pull(ID, tmp_path / "other", base=server.url)


def test_an_address_of_the_two_files_is_opened_like_a_folder(tmp_path):
    published(tmp_path / "there")
    with serving.serving(tmp_path / "there") as server:
        data = open_dataset(server.url, root=tmp_path / "kept")
        assert asked(data) == asked(open_dataset(tmp_path / "there"))
        assert pull(server.url, tmp_path / "kept").is_dir()
        with pytest.raises(InvalidRequest, match="cannot be streamed"):
            open_dataset(server.url, root=tmp_path, keep=False)
    shards = building.wds(tmp_path / "shards", [building.labelled_shard([0, 1])])
    write(shards, {"classnames.txt": "a\nb\n"})
    with serving.serving(shards) as server:
        assert open_dataset(server.url, root=tmp_path / "kept").layout == "wds"
