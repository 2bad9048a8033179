import dataclasses

import pyarrow as pa
import pytest
from pyarrow import parquet

from clipbench.errors import DataError
from clipbench.results import read_sidecar, sidecar_of, write_sidecar
from clipbench.results.sidecar import COLUMNS

from .samples import CLASSIFICATION

ROWS = [
    {"id": "b", "kind": "image", "index": 1, "outcome": "counted", "labels": [3], "predicted": 2,
     "rank": 4, "image_id": ""},
    {"id": "a", "kind": "image", "index": 0, "outcome": "counted", "labels": [1], "predicted": 1,
     "rank": 1, "image_id": ""},
    {"id": "c", "kind": "image", "index": 2, "outcome": "refused", "labels": None,
     "predicted": None, "rank": None, "image_id": None},
    {"id": "t", "kind": "text", "index": 0, "outcome": "counted", "labels": [], "predicted": None,
     "rank": 7, "image_id": "a"},
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "x.records.parquet")
    return tmp_path / "x.records.parquet"


def test_counted_documents_are_read_in_the_order_of_the_data_set(path):
    images = read_sidecar(path).images
    assert images.ids == ("a", "b")
    assert list(images.rank) == [1, 4]
    assert list(images.predicted) == [1, 2]
    assert images.labels == ((1,), (3,))


def test_texts_know_their_image(path):
    texts = read_sidecar(path).texts
    assert (texts.ids, texts.image_ids, list(texts.predicted)) == (("t",), ("a",), [-1])


def test_what_is_written_is_read_with_every_column(tmp_path):
    counted = {"id": "a", "kind": "image", "index": 0, "outcome": "counted", "labels": [4],
               "best": [7, 4], "rank": 2, "image_id": ""}  # fmt: skip
    refused = {"id": "b", "kind": "image", "index": 1, "outcome": "refused",
               "reason": "image_damaged", "detail": "b.png: damaged"}  # fmt: skip
    many = [{**counted, "id": f"a{i}", "index": i} for i in range(10_001)]
    written = write_sidecar(CLASSIFICATION, [*many, refused], tmp_path)
    images = sidecar_of(written, tmp_path).images
    assert (len(images), images.ids[-1], images.labels[0]) == (10_001, "a10000", (4,))
    assert (list(images.predicted[:2]), list(images.rank[:2])) == ([7, 7], [2, 2])
    rows = parquet.read_table(tmp_path / written.records)
    assert rows.column_names == list(COLUMNS)
    last = rows.to_pylist()[-1]
    assert (last["reason"], last["label"], last["predicted"]) == ("image_damaged", None, None)


def test_a_missing_column_is_named(tmp_path):
    parquet.write_table(pa.table({"id": ["a"]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="kind: missing column"):
        read_sidecar(tmp_path / "x.parquet")


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1"])
def test_a_damaged_sidecar_is_a_data_error(content, tmp_path):
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.parquet"):
        read_sidecar(tmp_path / "x.parquet")


def test_a_result_finds_its_sidecar_in_its_folder_only(path):
    named = dataclasses.replace(CLASSIFICATION, records=path.name)
    assert len(sidecar_of(named, path.parent).images) == 2
    assert sidecar_of(CLASSIFICATION, path.parent) is None
    assert sidecar_of(named, path.parent / "elsewhere") is None
    with pytest.raises(DataError, match="not the name of a file"):
        sidecar_of(dataclasses.replace(named, records="../x.parquet"), path.parent)
