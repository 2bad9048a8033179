"""Answers from imported figures, each checked by hand against tests/figures/tables.py."""

import pytest

from clipbench import figures
from clipbench.client.main import build
from clipbench.errors import DataError, InvalidRequest, UnknownName
from clipbench.recommend import Constraints, Workload, recommend
from tests.figures import tables
from tests.report.samples import classification, statistics

H_DFN, H14 = "ViT-H-14::dfn5b", "ViT-H-14::laion2b-s32b-b79k"
L14, B32, OPENAI = "ViT-L-14::openai", "ViT-B-32::laion2b-s34b-b79k", "ViT-B-32::openai"
NLLB = "nllb-clip-base::v1"
SPEEDS = [  # images/s × GFLOPs: 1,800 for B-32, 1,620 for L-14; texts/s: 6,000 and 5,200
    statistics(OPENAI, image_qps=200.0, text_qps=1000.0),
    statistics(L14, image_qps=10.0, text_qps=400.0),
]
TEN_MILLION = Workload.of(images="10M", price_per_hour=2.5)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    for path in tables.write(folder / "copies"):
        figures.import_file(path, folder)
    return figures.load(folder)


# task, limits, further options, pick, its quality, models that fit
QUESTIONS = [
    # the mean of COCO and Flickr R@1 of both directions: (0.53 + 0.71 + 0.80 + 0.92) / 4
    ("retrieval", {}, {}, H_DFN, 0.740, 6),
    # commercial, ≤ 100 M in the image tower: both ViT-B-32 (MIT); nllb's licence is not known
    ("retrieval", {"licence": "commercial", "max_image_params": "100M"}, {}, B32, 0.6125, 2),
    # the licence alone: all of the registry's, not dfn5b and nllb
    ("retrieval", {"licence": "commercial"}, {}, H14, 0.705, 4),
    # German and Arabic: (0.55 + 0.45) / 2 of nllb; the next is H-14 with 0.24
    ("retrieval", {}, {"languages": ["de", "ar"]}, NLLB, 0.5, 6),
    # German alone, ≤ 200 M parameters: B-32 (151 M) with 0.22 and 0.20
    ("retrieval", {"max_params": "200M"}, {"languages": ["de"]}, B32, 0.22, 2),
    # ≤ 512 dimensions: both B-32 and nllb
    ("retrieval", {"max_dim": 512}, {}, B32, 0.6125, 3),
    # ≤ 768: L-14 (0.36 + 0.56 + 0.65 + 0.85) / 4 = 0.605 is behind B-32
    ("retrieval", {"max_dim": 768}, {"like": "mscoco_captions"}, B32, 0.475, 4),
    # like Flickr, 768 dimensions: 0.75 in both B-32 and L-14, the first by name
    ("retrieval", {"max_dim": 768}, {"like": "flickr30k"}, B32, 0.75, 4),
    # ImageNet alone, ≤ 500 M parameters: L-14 (428 M) 0.75; B-32 0.66
    ("classification", {"max_params": "500M"}, {"like": "imagenet1k"}, L14, 0.75, 3),
    # the mean of the accuracies (0.83 + 0.90 + 0.77) / 3
    ("classification", {}, {}, H_DFN, 0.8333, 6),
    # 10 M images for under 50: B-32 at 200/s takes 13.9 h = 34.7; L-14 at 10/s 278 h
    ("retrieval", {"max_price": 50}, {"statistics": SPEEDS, "workload": TEN_MILLION}, OPENAI,
     0.54, 1),
    # with estimates: the rate of 1,710 GFLOP/s over 9 is 190/s for B-32 laion2b = 36.5
    ("retrieval", {"max_price": 50},
     {"statistics": SPEEDS, "workload": TEN_MILLION, "estimates": True}, B32, 0.6125, 2),
]  # fmt: skip


@pytest.mark.parametrize(("task", "limits", "options", "pick", "quality", "fitting"), QUESTIONS)
def test_the_answer_is_the_one_checked_by_hand(
    known, task, limits, options, pick, quality, fitting
):
    found = recommend(task, Constraints.of(**limits), figures=known, **options)
    assert found.pick.model == pick
    assert found.pick.quality.value == pytest.approx(quality, abs=5e-5)
    assert len(found.field.candidates) - len(found.excluded) == fitting
    assert "open_clip" in found.field.quality


def test_what_excluded_the_better_ones_is_said(known):
    limits = Constraints.of(licence="commercial", max_dim=512)
    found = recommend("retrieval", limits, figures=known)
    assert [(c.model, why) for c, why in found.better] == [
        (H_DFN, "dimension is 1,024; its licence is apple-ascl: read it for commercial use"),
        (H14, "dimension is 1,024"),
    ]
    assert "dimension ≤ 512, licence commercial" in found.reason


def test_estimates_are_marked_and_stand_in_no_ranking_unless_asked(known):
    fast = Constraints.of(min_image_qps=100)
    without = recommend("retrieval", fast, figures=known, statistics=SPEEDS)
    assert dict(without.excluded)[B32] == "image QPS was not measured"
    found = recommend("retrieval", fast, figures=known, statistics=SPEEDS, estimates=True)
    assert found.pick.estimated
    assert found.pick.costs["image_qps"] == pytest.approx(1710 / 9)
    (rule,) = (note for note in found.notes if "GFLOP/s" in note)
    assert "images at 1,710 GFLOP/s from 2 measured models, off by up to ×1.11" in rule
    measured = next(c for c in found.field.candidates if c.model == OPENAI)
    assert (measured.costs["image_qps"], measured.estimated) == (200, False)
    with pytest.raises(DataError, match="GFLOPs are known"):
        recommend("retrieval", figures=known, estimates=True)


def test_a_model_in_several_sources_shows_each_figure_with_its_source(known):
    own = recommend("classification", results=[classification(L14, acc1=0.9)], figures=known)
    said = [note for note in own.notes if note.startswith(L14)]
    assert ["CLIP-as-service" in note for note in said] == [True, False]
    assert "open_clip publishes it: mean of the 3 accuracies (open_clip) 0.720" in said[1]
    published = recommend("retrieval", figures=known, published=True)
    assert published.field.quality == "mean of the 3 retrieval averages"
    assert any("open_clip publishes it" in note for note in published.notes)


def test_hours_money_and_bytes_are_those_of_the_workload():
    work = Workload.of(images="10M", texts="1M", price_per_hour=2)
    costs = work.costs({"image_qps": 100.0, "text_qps": 1000.0})
    assert costs["hours"] == pytest.approx((1e7 / 100 + 1e6 / 1000) / 3600)
    assert costs["price"] == pytest.approx(2 * costs["hours"])
    named = Workload.of(images="10M", price_per_hour="g5.xlarge=1.006")
    assert (named.instance, named.price_per_hour) == ("g5.xlarge", 1.006)
    assert work.costs({"image_qps": 100.0}) == {}
    sizes = work.index_bytes(512)
    assert sizes == {"float32": 11e6 * 2048, "float16": 11e6 * 1024, "int8": 11e6 * 512,
                     "binary": 11e6 * 64}  # fmt: skip


def test_what_cannot_be_answered_is_refused_with_what_it_needs(known):
    with pytest.raises(InvalidRequest, match="figures pull openclip"):
        recommend("retrieval", languages=["de"])
    with pytest.raises(InvalidRequest, match="--price-per-hour"):
        recommend("retrieval", Constraints.of(max_price=5), figures=known)
    with pytest.raises(UnknownName, match="language 'dee'"):
        recommend("retrieval", figures=known, languages=["dee"])
    prices = ({"images": "1M", "price_per_hour": p} for p in ("g5=", "g5=-1", "nan", "inf", 0))
    for wrong in ({"images": "ten"}, {"images": "0"}, {"price_per_hour": 2.0}, *prices):
        with pytest.raises(InvalidRequest):
            Workload.of(**wrong)


def test_the_command_answers_from_what_was_imported(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CLIPBENCH_FIGURES", str(tmp_path / "kept"))
    for path in tables.write(tmp_path / "copies"):
        figures.import_file(path, tmp_path / "kept")
    captions = tmp_path / "captions.txt"
    captions.write_text("a cat\n\n" + "cat " * 40 + "\n" + "cat " * 70 + "\n" + "cat " * 76 + "\n")
    words = ["recommend", "--max-dim", "512", "--captions", str(captions), "--images", "1M"]
    build()([*words, "--source", "openclip"], standalone_mode=False)
    said = " ".join(capsys.readouterr().out.split())
    assert f"Better, but excluded: {H_DFN} (0.740): dimension is 1,024" in said
    assert "Memory and disk of 1,000,000 vectors" in said
    build()(["recommend", "--languages", "de,ar", "--texts", "1M"], standalone_mode=False)
    assert capsys.readouterr().out.startswith(NLLB)
    with pytest.raises(SystemExit):
        build()(["recommend", "--source", "results"], standalone_mode=False)
    assert "--results DIR" in capsys.readouterr().err
    # 2, 40, 70 and 76 words and two marks
    assert "Of 4 captions, cut: 75.0% at 32 tokens, 50.0% at 64 tokens, 25.0% at 77" in said
