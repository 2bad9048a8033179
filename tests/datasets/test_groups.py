"""Groups of images: beside labels in shards, in a table beside folders, in columns of Parquet."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipbench.contract import Reason
from clipbench.datasets import Image, find, open_dataset, verify
from clipbench.datasets.conversion import convert
from clipbench.datasets.layouts.groups import of_array, parse_columns
from clipbench.datasets.types import Flaw
from clipbench.errors import DataError
from tests.datasets import building, serving

NAMES = "cat\ndog\n"


def npy(values, **kwargs):
    buffer = io.BytesIO()
    np.save(buffer, values, **kwargs)
    return buffer.getvalue()


def shard(*arrays):
    return building.tar(
        part
        for number, array in enumerate(arrays)
        for part in (
            (f"s{number}.png", building.png(number)),
            (f"s{number}.cls", b"%d" % (number % 2)),
            *([(f"s{number}.npy", array)] if array is not None else []),
        )
    )


def groups_of(data):
    return [dict(image.groups) for image in data.documents() if isinstance(image, Image)]


def test_numbers_beside_a_label_have_the_names_that_groups_txt_says(tmp_path):
    arrays = [npy(np.array([region, year, 7])) for region, year in ((0, 3), (2, 4), (5, 3))]
    folder = building.wds(tmp_path, [shard(*arrays, None)], classnames=NAMES)
    plain = groups_of(open_dataset(folder))
    assert plain[0] == {"group0": "0", "group1": "3", "group2": "7"}
    (folder / "groups.txt").write_text("region: Asia, Europe, Africa\nyear\n-\n")
    assert groups_of(open_dataset(folder)) == [
        {"region": "Asia", "year": "3"},
        {"region": "Africa", "year": "4"},
        {"region": "5", "year": "3"},  # no name for it
        {},
    ]


def test_texts_of_a_fixed_width_are_names(tmp_path):
    arrays = [npy(np.array(["Asia", "rich"])), npy(np.array(["", "poor"]))]
    folder = building.wds(tmp_path, [shard(*arrays)], classnames=NAMES)
    (folder / "groups.txt").write_text("region\nincome\n")
    assert groups_of(open_dataset(folder)) == [
        {"region": "Asia", "income": "rich"},
        {"income": "poor"},
    ]


class Trap:
    """What runs when somebody unpickles it."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_a_pickled_array_is_refused_with_a_reason_and_its_image_counts(tmp_path):
    trap = npy(np.array([Trap()], dtype=object), allow_pickle=True)
    folder = building.wds(tmp_path, [shard(trap, npy(np.array([1])))], classnames=NAMES)
    data = open_dataset(folder)
    assert groups_of(data) == [{}, {"group0": "1"}]
    found = verify(data)
    assert found.found.images == 2
    assert "1 × group_invalid" in str(found.inventory)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        pickle.dumps([1]),
        npy(np.array([0.5])),
        npy(np.array([(1, 2)], dtype="i4,i4")),
        npy(np.array(["a" * 200])),
        npy(np.array(["a\nb"])),
        npy(np.array([b"\xff\xfe"])),
        npy(np.array([1, 2])),  # two values for one column
        npy(np.array(["abc"]))[:-4],
        npy(np.zeros(2_000_000, np.int8)),
        npy(np.array(["abc"])).replace(b"<U3", b"<U0"),
        npy(np.array(["abc"])).replace(b"a\0\0\0", b"\xff\xff\xff\x7f"),
    ],
)
def test_what_is_no_group_is_a_flaw_and_no_exception(data):
    found = of_array(data, parse_columns(["region"], "here"))
    assert isinstance(found, Flaw)
    assert found.reason is Reason.GROUP_INVALID
    assert found.detail


def test_a_long_array_beside_a_label_is_something_else():
    assert of_array(npy(np.zeros(512, np.int64)), ()) is None


def test_columns_have_plain_names_once():
    for lines in (["a b!"], ["region", "region"], [f"c{i}" for i in range(9)]):
        with pytest.raises(DataError, match=r"groups\.txt"):
            parse_columns(lines, "here")


def test_the_registry_names_the_columns_of_the_sets_that_have_them():
    for name, first in (("wilds/fmow", "region"), ("fairness/dollar_street", "income_ds")):
        columns = parse_columns(find(name).groups, name)
        assert columns[0].name == first
    fmow = parse_columns(find("wilds/fmow").groups, "fmow")
    assert of_array(npy(np.array([3, 14, 60])), fmow) == (("region", "Americas"), ("year", "2016"))
    other = of_array(npy(np.array([5, 14, 60])), fmow)
    assert other == (("year", "2016"),)  # WILDS leaves the region Other out


def folder_with(tmp_path, table, name="groups.csv"):
    files = {f"{kind}/{n}.png": building.png(10 * i + n) for i, kind in enumerate(("cat", "dog"))
             for n in range(3)}  # fmt: skip
    return building.write(tmp_path, {**files, name: table})


def test_a_table_beside_class_folders_says_the_groups(tmp_path):
    table = (
        "image,Region,income\n"
        "cat/0.png,Africa,low\n"
        "cat/1.png,Asia,\n"
        "dog/0.png,Africa,high\n"
        "dog/0.png,Asia,high\n"
        "dog/9.png,Asia,high\n"
    )
    data = open_dataset(folder_with(tmp_path, table))
    assert groups_of(data) == [
        {"region": "Africa", "income": "low"},
        {"region": "Asia"},
        *({}, {"region": "Africa", "income": "high"}, {}, {}),
    ]
    found = verify(data)
    assert found.ok
    told = str(found.inventory)
    for part in ("duplicate_id", "groups of an image not there", "groups.csv"):
        assert part in told


def test_a_table_without_images_or_groups_says_so(tmp_path):
    with pytest.raises(DataError, match="a column `image`"):
        verify(open_dataset(folder_with(tmp_path, "name,region\na,b\n")))


def test_columns_of_parquet_are_groups_by_their_names_or_as_a_person_says(tmp_path):
    rows = {
        "image": [{"bytes": building.png(n), "path": None} for n in range(3)],
        "label": ["cat", "dog", "cat"],
        "region": ["Asia", None, "Africa"],
        "shot by": ["ann", "bob", "ann"],
    }
    pq.write_table(pa.table(rows), tmp_path / "test.parquet")
    assert groups_of(open_dataset(tmp_path)) == [{"region": "Asia"}, {}, {"region": "Africa"}]
    named = groups_of(open_dataset(tmp_path, columns={"group": "shot by"}))
    assert named == [{"shot_by": "ann"}, {"shot_by": "bob"}, {"shot_by": "ann"}]


def test_converted_shards_have_the_same_groups_at_an_address(tmp_path):
    table = "image,region\ncat/0.png,Africa\ndog/1.png,Côte d’Ivoire\n"
    data = open_dataset(folder_with(tmp_path / "here", table))
    convert(data, tmp_path / "there")
    with serving.serving(tmp_path / "there") as server:
        there = open_dataset(server.url, root=tmp_path / "kept", split="all")
        assert groups_of(there) == groups_of(data)
        assert verify(there).sha256 == verify(data).sha256
