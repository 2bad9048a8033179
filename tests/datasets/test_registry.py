"""The registry agrees with the published tables and with itself."""

import pytest

from clipbench.datasets import Task, all_datasets, appendix, describe, find
from clipbench.datasets.registry import groups
from clipbench.errors import UnknownName
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
    assert len(set(ids)) == len(ids) == 26
    assert find("vtab/pcam").repository == "clip-benchmark/wds_vtab-pcam"
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
