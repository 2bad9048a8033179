"""What docs/choose.md states of the published figures is what the code answers."""

from pathlib import Path

import pytest

from clipbench.recommend import Constraints, recommend

TEXT = " ".join((Path(__file__).parents[2] / "docs/choose.md").read_text().split())


def quality(task, model):
    found = recommend(task).field.candidates
    return next(c.quality.value for c in found if c.model == model)


H14, G14 = "ViT-H-14::laion2b-s32b-b79k", "ViT-g-14::laion2b-s12b-b42k"
L14, B32 = "ViT-L-14::laion2b-s32b-b82k", "ViT-B-32::laion2b-s34b-b79k"
PLUS = "ViT-B-16-plus-240::laion400m_e32"


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("for retrieval (0.779)", quality("retrieval", H14)),
        ("(0.778 and", quality("classification", H14)),
        ("and 0.775)", quality("classification", G14)),
        ("0.030 below ViT-H-14", quality("retrieval", H14) - quality("retrieval", L14)),
        ("(0.695) for retrieval", quality("retrieval", PLUS)),
        ("0.018 below it", quality("retrieval", PLUS) - quality("retrieval", B32)),
        ("laion2b 0.677", quality("retrieval", B32)),
    ],
)
def test_a_figure_in_the_words_is_the_computed_one(claim, value):
    assert claim in TEXT
    assert f"{value:.3f}" in claim


def test_the_model_for_two_gigabytes_is_the_one_in_the_words():
    found = recommend("retrieval", Constraints.of(max_vram="2GB"))
    assert found.pick.model == PLUS
    assert "encodes 285 images a second to its 239" in TEXT
    assert (found.pick.costs["image_qps"], B32 in TEXT) == (239, True)


def test_the_number_of_data_sets_that_tell_models_apart_is_the_one_in_the_words():
    assert "the mean of the 11 published data sets" in TEXT
    assert recommend("classification").field.quality == "mean of the 11 classification scores"
