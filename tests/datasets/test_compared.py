"""Captions with hard negatives: the layouts that people have, and nothing lost in them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipbench.datasets import Image, Inventory, Text, Unreadable, open_dataset, verify
from clipbench.datasets.conversion import convert
from clipbench.errors import UnknownName
from tests.datasets import building
from tests.pictures import encoded


def rows_of(names):
    return {
        str(i): {"filename": name, "caption": f"a dog bites {i}", "negative_caption": f"{i} bites"}
        for i, name in enumerate(names)
    }


@pytest.fixture
def sugar_crepe(tmp_path):
    parts = {
        "data/add_att.json": json.dumps(rows_of(["0.png", "1.png", "0.png"])),
        "data/swap_obj.json": json.dumps(rows_of(["0.png", "2.png"])),
    }
    pictures = {f"val2017/{i}.png": building.png(i) for i in range(4)}
    return building.write(tmp_path / "sugar_crepe", {**parts, **pictures})


def comparisons(dataset):
    """By image: the text of the right and of the wrong captions, by number of the comparison."""
    documents = list(dataset.documents())
    texts = {d.id: d.text for d in documents if isinstance(d, Text)}
    return [
        {number: texts.get(id_) for id_, number in sorted(d.judgements, key=lambda p: -p[1])}
        for d in documents
        if isinstance(d, Image)
    ]


def test_sugar_crepe_is_an_image_with_all_of_its_rows_and_the_files_are_its_parts(sugar_crepe):
    data = open_dataset(sugar_crepe)
    assert (data.layout, data.split, data.subsets) == (
        "comparisons",
        "all",
        ("add_att", "swap_obj"),
    )
    first, second, third = comparisons(data)
    assert first == {
        **{1: "a dog bites 0", -1: "0 bites", 3: "a dog bites 2", -3: "2 bites"},
        **{6: "a dog bites 0", -6: "0 bites"},  # of the second part, by its even number
    }
    assert set(second) == {1, -1}
    assert set(third) == {2, -2}
    found = verify(data)
    assert found.ok
    assert found.inventory.as_mapping() == {
        "files": {
            **{"image": 3, "metadata: table": 2},
            "passed over: an image that no row names": 1,
        },
        "rows": {"captions": 5},
    }


def test_a_part_is_a_split_of_its_own(sugar_crepe):
    data = open_dataset(sugar_crepe, split="swap_obj")
    assert (data.split, data.subsets, data.images) == ("swap_obj", (), 2)
    with pytest.raises(UnknownName, match="add_att"):
        open_dataset(sugar_crepe, split="swap_att")


@pytest.fixture
def winoground(tmp_path):
    rows = [
        {
            "id": i,
            **{f"image_{k}": {"bytes": building.png(2 * i + k), "path": None} for k in (0, 1)},
            **{"caption_0": f"old {i} kisses young", "caption_1": f"young kisses old {i}"},
            "collapsed_tag": "Object" if i % 2 else "Relation",
        }
        for i in range(3)
    ]
    folder = tmp_path / "winoground"
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "data/test-00000-of-00001.parquet")
    return folder


def test_winoground_shares_its_two_captions(winoground):
    data = open_dataset(winoground)
    assert (data.split, data.images, data.subsets) == ("test", 6, ("Object", "Relation"))
    documents = list(data.documents())
    assert [d.text for d in documents if isinstance(d, Text)][:2] == [
        *("old 0 kisses young", "young kisses old 0"),
    ]
    first, second, *_ = (d for d in documents if isinstance(d, Image))
    assert first.judgements == (("0/0/0#0", 2), ("0/0/1#0", -2))
    assert second.judgements == (("0/0/0#0", -2), ("0/0/1#0", 2))


def test_winoground_as_json_lines_names_images_without_their_suffix(tmp_path):
    row = {"image_0": "ex_0_img_0", "image_1": "ex_0_img_1", "caption_0": "a b", "caption_1": "b a"}
    pictures = {f"images/ex_0_img_{k}.png": building.png(k) for k in (0, 1)}
    folder = building.write(tmp_path / "w", {"examples.jsonl": json.dumps(row), **pictures})
    data = open_dataset(folder)
    assert comparisons(data) == [{1: "a b", -1: "b a"}, {1: "b a", -1: "a b"}]
    assert verify(data).ok


def test_aro_boxes_are_cut_out(tmp_path):
    import io

    from PIL import Image as Picture

    picture = Picture.new("RGB", (60, 40), "red")
    picture.paste("blue", (10, 20, 30, 40))
    box = {"bbox_x": 10, "bbox_y": 20, "bbox_w": 20, "bbox_h": 20}
    about = {"image_path": "1.png", "relation_name": "on"}
    texts = {"true_caption": "the cup is on the table", "false_caption": "the table is on the cup"}
    outside = {**about, **texts, **box, "bbox_x": 70}
    rows = json.dumps([{**about, **texts, **box}, outside])
    data = {"vg_relation.json": rows, "images/1.png": encoded(picture, "PNG")}
    found = open_dataset(building.write(tmp_path / "aro", data))
    image, *texts, refused, _, _ = found.documents()
    assert isinstance(image, Image)
    assert image.id == "1.png@10,20,20,20"
    with Picture.open(io.BytesIO(image.data)) as part:
        assert part.size == (20, 20)
        assert part.getcolors() == [(400, (0, 0, 255))]
    assert isinstance(refused, Unreadable)
    assert "not inside" in refused.detail


def test_a_table_of_ones_own(tmp_path):
    table = "image,caption,negative_caption\na.png,a cat on a mat,a mat on a cat\nb.png,two dogs,\n"
    pictures = {name: building.png(i) for i, name in enumerate(("a.png", "b.png"))}
    data = open_dataset(building.write(tmp_path / "own", {"pairs.csv": table, **pictures}))
    assert comparisons(data) == [{1: "a cat on a mat", -1: "a mat on a cat"}]
    inventory = Inventory()
    (gap,) = (d for d in data.documents(inventory) if isinstance(d, Unreadable))
    assert "no hard negative" in gap.detail
    assert inventory.as_mapping()["rows"] == {
        **{"captions": 1, "metadata: header": 1},
        "refused: member_missing": 1,
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", '{"0": {"filename": "a.png", "caption": "b", "negative_caption": "c"}, "1": 5}'),
        ("x.jsonl", '{"image": "a.png", "caption": "b", "negative_caption": "c"}\n{"image": '),
        ("x.jsonl", '{"image": "a.png", "caption": "b", "negative_caption": ["c", 7]}\n'),
        ("x.jsonl", '{"image": "../a.png", "caption": "b", "negative_caption": "c"}\n'),
        ("x.jsonl", '{"image": "gone.png", "caption": "b", "negative_caption": "c"}\n'),
    ],
)
def test_what_cannot_be_read_is_refused_and_named(tmp_path, name, text):
    data = open_dataset(building.write(tmp_path / "d", {name: text, "a.png": building.png(1)}))
    refused = [d for d in data.documents() if isinstance(d, Unreadable)]
    assert refused
    assert not verify(data).ok


@pytest.mark.parametrize("made", ["sugar_crepe", "winoground"])
def test_shards_hold_the_same_comparisons(made, request, tmp_path):
    data = open_dataset(request.getfixturevalue(made))
    convert(data, tmp_path / "wds", shard_size=3)  # a group is not parted
    again = open_dataset(tmp_path / "wds")
    assert again.subsets == data.subsets
    assert [list(c.values()) for c in comparisons(again)] == [
        list(c.values()) for c in comparisons(data)
    ]
    found = verify(again)
    assert found.ok
    assert sum(found.inventory.as_mapping()["members of shards"].values()) == 2 * data.images


def test_a_sample_takes_whole_groups(winoground):
    data = open_dataset(winoground, sample=3)
    assert str(data.sample) == "4 of 6 images, by image, seed 0"
    assert len(comparisons(data)) == 4
