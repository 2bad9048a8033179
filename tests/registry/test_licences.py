"""What is said of licences and sizes: with a source, or not at all."""

import pytest
import timm
from typer.testing import CliRunner

from clipbench import registry
from clipbench.client.commands.models import app, parameter_count
from clipbench.errors import InvalidRequest
from clipbench.registry.rows import _sized

ALL = registry.all_models()


def listed(*options):
    done = CliRunner().invoke(app, ["list", *options], env={"COLUMNS": "250"})
    assert done.exit_code == 0, done.output
    return {info.name for info in ALL if f"{info.name} " in done.output}


def test_a_licence_has_a_source_and_a_family_has_a_name():
    for info in ALL:
        assert (info.licence is None) == (info.licence_source is None)
        assert info.licence is not None or info.commercial is None
        assert info.family != "other", f"{info.name} belongs to no [[family]] of models.toml"


@pytest.mark.parametrize(
    ("family", "weights", "licence"),
    [
        ("metaclip", "vit_base_patch32_clip_224.metaclip_400m", "cc-by-nc-4.0"),
        ("metaclip2", "vit_huge_patch14_clip_224.metaclip2_worldwide", "cc-by-nc-4.0"),
        ("dfn", "vit_huge_patch14_clip_224.dfn5b", "apple-ascl"),
        ("mobileclip2", "fastvit_mci0.apple_mclip2_dfndr2b", "apple-amlr"),
    ],
)
def test_what_timm_s_table_is_said_to_state_it_states(family, weights, licence):
    assert timm.models.get_pretrained_cfg(weights).license == licence
    assert {info.licence.lower() for info in ALL if info.family == family} == {licence}


def test_towers_have_the_sizes_that_open_clip_publishes():
    # github.com/mlfoundations/open_clip, docs/model_profile.csv: millions, and GFLOPs
    for name, image, text, image_gflops, text_gflops in [
        ("ViT-B-32::openai", 87.85, 63.43, 8.82, 5.96),
        ("RN50::openai", 38.32, 63.69, 12.22, 5.96),
        ("xlm-roberta-base-ViT-B-32::laion5b-s13b-b90k", 87.85, 278.27, 8.82, None),
        ("ViT-SO400M-14-SigLIP::webli", 427.68, 449.68, 220.35, None),
    ]:
        info = registry.find(name)
        assert info.image_parameters / 1e6 == pytest.approx(image, abs=0.01)
        assert info.text_parameters / 1e6 == pytest.approx(text, abs=0.3)
        assert info.image_gflops == pytest.approx(image_gflops, rel=0.01)
        assert text_gflops is None or info.text_gflops == pytest.approx(text_gflops, rel=0.01)


def test_the_size_of_every_model_of_the_locked_open_clip_is_known():
    assert {info.name for info in ALL if info.parameters is None} == set()


def test_a_text_tower_of_its_own_does_not_get_the_size_of_its_architecture_s():
    sizes = {"image": {"ViT-B-16": [1, 0.1]}, "text": {"ViT-B-16": [2, 0.2]}}
    plain, own = registry.find("ViT-B-16::openai"), registry.find("CN-CLIP/ViT-B-16")
    assert _sized(plain, sizes).parameters == 3
    assert _sized(own, sizes).image_parameters == 1
    assert _sized(own, sizes).text_parameters is None
    assert own.text_parameters != plain.text_parameters


def test_the_list_can_be_narrowed():
    assert listed() == {info.name for info in ALL}
    assert listed("--family", "dfn") == {
        i.name for i in ALL if i.pretrained.startswith(("dfn2b", "dfn5b"))
    }
    small = listed("--licence", "commercial", "--max-params", "160M", "--dim", "512")
    assert "ViT-B-32::openai" in small
    assert not {n for n in small if "metaclip" in n or "MobileCLIP" in n or "ViT-L" in n}
    assert "ViT-B-32::metaclip_400m" in listed("--licence", "cc-by-nc")
    assert "EVA02-B-16::merged2b_s8b_b131k" in listed("--licence", "unknown")
    assert listed("--dim", "7") == set()


@pytest.mark.parametrize(
    ("text", "count"), [("200M", 200_000_000), ("1.5b", 1_500_000_000), ("7", 7)]
)
def test_a_number_of_parameters_has_a_unit(text, count):
    assert parameter_count(text) == count
    with pytest.raises(InvalidRequest, match="200M"):
        parameter_count(f"{text}illion")
