"""Published tables are untrusted: what is read is sure, and the rest is named."""

import pytest

from clipbench import figures
from clipbench.errors import DataError
from clipbench.reference import TableName, published
from tests.figures import tables

RESULTS = "openclip_results.csv"


@pytest.fixture
def known(tmp_path):
    for path in tables.write(tmp_path / "copies"):
        figures.import_file(path, tmp_path / "kept")
    return figures.load(tmp_path / "kept")


def test_models_have_the_names_of_the_registry_and_twins_are_one(known):
    assert "ViT-B-32::laion2b-s34b-b79k" in known.models
    assert [m for m in known.models if m.startswith("ViT-B-32")] == [
        "ViT-B-32::laion2b-s34b-b79k",
        "ViT-B-32::openai",
    ]
    assert known.printed["ViT-B-32::openai", "imagenet1k acc1"] == "0.63"  # of the twin's row


def test_only_equal_splits_and_measures_share_a_column(known):
    columns = {column.key: column for column in published(TableName.CLASSIFICATION).columns}
    cifar, sun = columns["vtab/cifar100 acc1"], columns["sun397 acc5"]
    assert known.beside("ViT-L-14::openai", cifar) == "0.75"
    assert known.beside("ViT-L-14::openai", sun) == ""  # acc1 is not acc5
    flickr = [c for c in known.columns if c.dataset == "flickr30k"]
    assert {(c.split, c.images) for c in flickr} == {("test", 1000)}


def test_an_architecture_has_its_size_and_work(known):
    profile = known.profile("ViT-H-14::dfn5b")
    assert (profile.embed_dim, profile.image_params, profile.image_gflops) == (1024, 632e6, 334)
    assert known.profile("no-such::tag") == figures.Profile()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ViT-X,a,1,1,0.5,nan,0.5,0.5", "ImageNet 1k is 'nan'"),
        ("ViT-X,a,1,1,0.5,1.5,0.5,0.5", "ImageNet 1k is '1.5'"),
        ("ViT-X,a,1,1,0.5,0.5,0.5", "7 cells, and 8 headings"),
        ("../etc,a,1,1,0.5,0.5,0.5,0.5", "no name of a model"),
        ("ViT-X,a,1,1,0.5,,,", "no score"),
        ("ViT-L-14,openai,1,1,0.5,0.5,0.5,0.5", "has a row already"),
        ("", "0 cells"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_read(tmp_path, row, reason):
    path = next(p for p in tables.write(tmp_path) if p.name == RESULTS)
    path.write_text(path.read_text() + row + "\n")
    found = figures.read(path)
    (said,) = found.refused
    assert reason in said
    assert f"{RESULTS} line 9" in said
    assert found.rows == 6


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n1,2\n", "name,pretrained,ImageNet 1k,ImageNet 1k\n", '"open', "a" * 17_000_000],
)
def test_a_file_that_is_none_of_the_tables_is_refused(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"x\.csv"):
        figures.read(path)
    with pytest.raises(DataError):
        figures.import_file(path, tmp_path / "kept")
    assert not figures.load(tmp_path / "kept")
