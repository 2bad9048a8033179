"""The registry agrees with the published tables and with itself."""

import tomllib
from pathlib import Path

import pytest

from clipbench.datasets import Task, all_datasets, appendix, describe, find, suite, suites
from clipbench.datasets.registry import groups
from clipbench.errors import UnknownName
from clipbench.figures import open_clip
from clipbench.reference import TableName, published


def test_the_registry_has_a_row_for_every_published_column_with_its_metric():
    columns = [
        column
        for name in (TableName.RETRIEVAL, TableName.CLASSIFICATION)
        for column in published(name).columns
        if column.dataset
    ]
    assert {column.dataset for column in columns} == {i.id for i in all_datasets() if i.published}
    for column in columns:
        info = find(column.dataset)
        if info.task is Task.CLASSIFICATION:
            assert column.metric == info.published.metric
            assert column.title == info.name


def test_ids_are_unique_and_the_copy_on_the_hub_is_named_as_there():
    ids = [info.id for info in all_datasets()]
    assert len(set(ids)) == len(ids) == 47
    assert find("vtab/pcam").repository == "clip-benchmark/wds_vtab-pcam"
    assert find("food101").repository == "djghosh/wds_food101_test"
    assert find("emoji").address is None


def test_published_splits_have_their_counts():
    for info in all_datasets():
        split = info.splits[info.published.split if info.published else "test"]
        assert split.images
        assert (split.captions is not None) == (info.task is Task.RETRIEVAL)
        assert (info.classes is not None) == (info.task is Task.CLASSIFICATION)


def test_what_is_easily_mistaken_is_said():
    assert find("sun397").published.metric == "acc5"
    assert find("flickr30k").published.split == "all"
    assert find("mscoco_captions").splits["test"].captions == 25010
    assert any("empty" in trap for trap in find("vtab/clevr_closest_object_distance").traps)
    assert any("711" in trap for trap in find("vtab/kitti_closest_vehicle_distance").traps)


def test_every_row_has_a_summary_and_a_citation():
    for info in all_datasets():
        assert info.summary.endswith((".", "?"))
        assert info.citation
        assert info.link.startswith("http")


def test_suites_are_of_registered_sets_in_the_split_that_they_are_known_by():
    sizes = {"seed": 24, "vtab": 19, "datacomp38": 38, "imagenet-shifts": 7}
    assert {one.name: len(set(one.datasets)) for one in suites()} == sizes
    for one in suites():
        for info, split in one.members():
            assert split in info.splits
    published = {info.id: info.published.split for info in all_datasets() if info.published}
    assert {info.id: split for info, split in suite("seed").members()} == published
    with pytest.raises(UnknownName, match="datacomp38"):
        suite("datacomp")


def test_the_columns_of_open_clips_table_are_the_suites(figures_columns):
    mine = {(i.id, i.splits["test"].images) for i, _ in suite("datacomp38").members()}
    assert mine - figures_columns == {("vtab/caltech101", 6084), ("misc/winogavil", 2044)}
    assert figures_columns - mine == {("vtab/caltech101", 6085), ("misc/winogavil", 3563)}
    cues = find("misc/winogavil").splits["test"].captions  # the table counts instances
    assert cues == 3563


@pytest.fixture
def figures_columns():
    """The data sets of open_clip's table of DataComp's 38, with the images that each had there."""
    table = tomllib.loads((Path(open_clip.__file__).with_suffix(".toml")).read_text())
    rows = [*table["classification"], *table["retrieval"].values()]
    return {(row["dataset"], row["images"]) for row in rows}


def test_an_unknown_id_names_near_ones():
    with pytest.raises(UnknownName, match="vtab/eurosat"):
        find("eurosat")


def test_the_appendix_has_every_data_set_under_its_group_with_its_source():
    text = appendix()
    for info in all_datasets():
        assert f"### {info.name} (`{info.id}`)" in text
        assert info.citation in text
    assert text.index("## Retrieval") < text.index("## VTAB natural group") < text.index("EuroSAT")
    assert {info.group for info in all_datasets()} == {group.name for group in groups()}


def test_the_advice_on_kitti_is_given():
    assert "Do not choose a model by this column alone" in describe(
        find("vtab/kitti_closest_vehicle_distance")
    )
