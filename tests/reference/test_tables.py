import pytest

from clipbench.errors import UnknownName
from clipbench.reference import TableName, footnotes, published, spelling

SHAPES = [("statistics", 29, 5), ("retrieval", 25, 9), ("classification", 25, 21)]


@pytest.mark.parametrize(("name", "models", "columns"), SHAPES)
def test_every_cell_of_a_published_table_is_there(name, models, columns):
    table = published(TableName(name))
    assert (len(table.models), len(table.columns)) == (models, columns)
    assert len(table.printed) == models * columns
    assert all((m, c.key) in table.printed for m in table.models for c in table.columns)


def test_values_are_kept_as_printed():
    classification = published(TableName.CLASSIFICATION)
    assert classification.printed["RN50::openai", "voc2007 acc1"] == "0.650"
    assert published(TableName.STATISTICS).printed["RN101::openai", "peak_vram_gb"] == "1.40"


@pytest.mark.parametrize(
    "name",
    ["ViT-B-32::laion2b_s34b_b79k", "ViT-B-32::laion2b-s34b-b79k", "vit-b-32::LAION2B_s34b-b79k"],
)
def test_both_spellings_of_a_model_find_its_row(name):
    assert spelling(name) == "ViT-B-32::laion2b-s34b-b79k"
    retrieval = published(TableName.RETRIEVAL)
    assert retrieval.value(name, "mscoco_captions text_to_image_recall@5") == 0.654


def test_an_unpublished_model_keeps_its_name():
    assert spelling("my_own::model") == "my_own::model"
    assert published(TableName.STATISTICS).value("my_own::model", "disk_mb") is None


def test_models_are_spelled_alike_in_all_tables():
    statistics = published(TableName.STATISTICS).models
    assert statistics[:25] == published(TableName.RETRIEVAL).models
    assert statistics[:25] == published(TableName.CLASSIFICATION).models


def test_the_sun397_column_is_top5():
    assert published(TableName.CLASSIFICATION).column("sun397 acc5").classes == 397


def test_the_flickr_columns_are_of_the_full_sets():
    retrieval = published(TableName.RETRIEVAL)
    column = retrieval.column("flickr8k mean_recall@5")
    assert (column.split, column.images, column.texts) == ("all", 8091, 40455)


def test_an_unknown_column_names_near_ones():
    with pytest.raises(UnknownName, match="disk_mb"):
        published(TableName.STATISTICS).column("disk_gb")


def test_every_footnote_belongs_to_cells_that_exist():
    for note in footnotes():
        table = published(note.table)
        columns = {column.dataset or column.key for column in table.columns}
        assert set(note.columns) <= columns, note.key
        assert set(note.models) <= set(table.models), note.key


def test_the_known_discrepancies_have_a_footnote():
    keys = {note.key for note in footnotes()}
    assert keys >= {
        "sun397-top5",
        "resisc45-bold",
        "mclip-qps-swapped",
        "laion400m-gelu-classification",
        "resnet-gelu-classification",
        "statistics-float16",
        "kitti-small",
        "retinopathy-majority",
        "pcam-chance",
        "recall-any-hit",
        "flickr-full",
        "dsprites-bins",
        "voc2007-cropped",
    }
    assert {n.key for n in footnotes() if n.inferred} >= {"statistics-float16", "mclip-qps-swapped"}
