import pytest
from PIL import Image

from clipbench.errors import InvalidRequest, UnknownName
from clipbench.report import build
from clipbench.report.page_data import page_data
from clipbench.report.plot import bars, pareto

from .samples import classification, statistics

REPORT = build()


def test_the_pareto_picture_names_the_front(tmp_path):
    text = pareto(REPORT, "flickr30k", "peak_vram_gb", tmp_path / "p.svg").read_text()
    assert "<svg" in text
    assert text.count("<use") > 20  # names are drawn as outlines; their comments hold the text
    assert "ViT-H-14::laion2b-s32b-b79k" in text


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_written_in_each_format(ending, tmp_path):
    path = bars(REPORT, "vtab/pets", tmp_path / f"b.{ending}")
    assert path.stat().st_size > 5000
    if ending == "png":
        assert Image.open(path).size[0] == 1400


def test_the_bars_show_chance_and_majority(tmp_path):
    text = bars(REPORT, "Retinopathy", tmp_path / "b.svg").read_text()
    assert "majority" in text


def test_the_mean_of_a_table_can_be_drawn(tmp_path):
    assert pareto(REPORT, "retrieval", "image_qps", tmp_path / "p.png").exists()


def test_own_results_are_drawn_beside_the_published(tmp_path):
    report = build([classification("mine$x$", "vtab/pets")], [statistics("mine$x$")])
    text = pareto(report, "vtab/pets", "image_qps", tmp_path / "p.svg").read_text()
    assert "measured" in text
    assert "published" in text


def test_a_point_is_named_by_what_sets_it_apart():
    results = [classification("m", "vtab/pets", decoding=how) for how in ("full", "scaled")]
    results += [classification("m", "vtab/pets", checkpoint="11" * 32)]
    models = page_data(build(results), ())["models"]
    assert [m["label"] for m in models if m["kind"] == "measured"] == [
        "m (full decoding, 11111111)",
        "m (full decoding, unknown)",
        "m (scaled decoding, unknown)",
    ]


def test_unknown_columns_costs_and_endings_are_named(tmp_path):
    with pytest.raises(UnknownName, match="Pets"):
        bars(REPORT, "Petss", tmp_path / "b.svg")
    with pytest.raises(UnknownName, match="disk_mb"):
        pareto(REPORT, "vtab/pets", "disk", tmp_path / "b.svg")
    with pytest.raises(InvalidRequest, match="png"):
        bars(REPORT, "vtab/pets", tmp_path / "b.gif")
