from clipbench.report import Collection
from clipbench.results import write, write_statistics

from ..results.samples import CLASSIFICATION, RETRIEVAL, STATISTICS


def collection():
    return Collection([CLASSIFICATION, RETRIEVAL], [STATISTICS])


def test_a_collection_is_a_sequence_of_results():
    assert len(collection()) == 2
    assert collection()[0] is CLASSIFICATION
    assert list(collection()[1:]) == [RETRIEVAL]


def test_it_shows_itself_as_tables_without_empty_columns():
    shown = repr(collection())
    assert "## Zero-shot retrieval" in shown
    assert "ImageNetV2" not in shown
    assert "0.530" in shown


def test_it_shows_itself_in_a_notebook_with_names_escaped_and_no_dead_buttons():
    html = collection()._repr_html_()
    assert "<table" in html
    assert "<button" not in html
    assert "0.875" in html


def test_it_turns_into_pandas_with_a_row_a_metric():
    frame = collection().to_pandas()
    assert len(frame) == len(CLASSIFICATION.metrics) + len(RETRIEVAL.metrics)
    acc1 = frame[frame.metric == "acc1"].iloc[0]
    assert (acc1.value, acc1.low, acc1.high, acc1.dataset) == (0.875, 0.85, 0.89, "fashion_mnist")


def test_it_reads_a_folder(tmp_path):
    write(CLASSIFICATION, tmp_path)
    write_statistics(STATISTICS, tmp_path)
    found = Collection.of(tmp_path)
    assert (len(found), len(found.statistics)) == (1, 1)


def test_nothing_shows_itself_as_nothing():
    assert repr(Collection([])) == Collection([])._repr_html_() == "no results"
