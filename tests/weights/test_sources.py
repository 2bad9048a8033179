"""Files come from this disk, then the hub (safetensors first), then where they were published."""

import hashlib
from dataclasses import replace

import pytest

from clipbench import registry
from clipbench.download import Patience
from clipbench.errors import CheckpointError
from clipbench.registry.table import ModelFile, Source
from clipbench.weights.sources import Sources, pull, verify
from tests.download.web import Site, serve

HASTE = Patience(first_pause=0, longest_pause=0)
REPOSITORY = "/laion/CLIP-ViT-B-32-laion2B-s34B-b79K/resolve/main"
INFO = registry.find("ViT-B-32::laion2b-s34b-b79k")


@pytest.fixture
def site():
    with serve(Site()) as running:
        yield running


def sources(site, folder, **settings):
    return Sources(folder, endpoint=site.address, patience=HASTE, **settings)


def test_the_hub_is_asked_for_safetensors_first(site, tmp_path):
    site.files = {
        f"{REPOSITORY}/open_clip_model.safetensors": b"safe",
        f"{REPOSITORY}/open_clip_pytorch_model.bin": b"pickled",
    }
    assert sources(site, tmp_path).pull(INFO)["towers"].read_bytes() == b"safe"
    assert [path for path, _ in site.requests] == [f"{REPOSITORY}/open_clip_model.safetensors"]


def test_the_older_file_is_next(site, tmp_path):
    site.files = {f"{REPOSITORY}/open_clip_pytorch_model.bin": b"pickled"}
    assert sources(site, tmp_path).pull(INFO)["towers"].name == "open_clip_pytorch_model.bin"


def test_the_original_address_is_last(site, tmp_path):
    site.files = {"/there/model.pt": b"weights"}
    address = Source(
        "url", f"{site.address}/there/model.pt", "model.pt", md5=hashlib.md5(b"weights").hexdigest()
    )
    hub = Source("hub", "nobody/nothing", "open_clip_model.safetensors")
    info = replace(INFO, files=(ModelFile("towers", (hub, address)),))
    assert sources(site, tmp_path).pull(info)["towers"].read_bytes() == b"weights"


def test_when_nothing_has_it_every_try_is_told(site, tmp_path):
    info = replace(INFO, files=(ModelFile("towers", INFO.files[0].sources[:2]),))
    with pytest.raises(CheckpointError) as caught:
        sources(site, tmp_path).pull(info)
    assert "open_clip_model.safetensors" in str(caught.value)
    assert "open_clip_pytorch_model.bin" in str(caught.value)


@pytest.mark.parametrize(
    "place",
    ["ViT-B-32--laion2b-s34b-b79k/open_clip_model.safetensors", "ViT-B-32-laion2b-s34b-b79k.bin"],
)
def test_a_local_folder_needs_no_network(tmp_path, place):
    path = tmp_path / "own" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    found = pull(INFO, tmp_path / "cache", folders=[tmp_path / "own"], offline=True)
    assert found == {"towers": path}


def test_offline_says_where_the_file_belongs(tmp_path):
    with pytest.raises(CheckpointError, match=r"offline.*open_clip_model.safetensors.*laion2b"):
        pull(INFO, tmp_path, offline=True)


def test_the_endpoint_is_a_variable(site, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", site.address)
    site.files = {f"{REPOSITORY}/open_clip_model.safetensors": b"safe"}
    assert pull(INFO, tmp_path)["towers"].read_bytes() == b"safe"


def test_a_tokenizer_comes_with_the_model(site, tmp_path):
    info = registry.find("CN-CLIP/RN50")
    site.files = {
        "/OFA-Sys/chinese-clip-rn50/resolve/main/clip_cn_rn50.pt": b"weights",
        "/bert-base-chinese/resolve/main/vocab.txt": b"[PAD]",
    }
    folder = sources(site, tmp_path).pull(info)["tokenizer"]
    assert (folder / "vocab.txt").read_bytes() == b"[PAD]"
    site.requests.clear()
    sources(site, tmp_path, offline=True).pull(info)
    assert not site.requests


def test_m_clip_shares_the_image_tower_of_the_model_that_it_comes_from(site, tmp_path):
    hub = "/timm/vit_base_patch32_clip_224.openai/resolve/main/open_clip_model.safetensors"
    mclip = "/M-CLIP/XLM-Roberta-Large-Vit-B-32/resolve/main"
    site.files = {
        hub: b"towers",
        f"{mclip}/pytorch_model.bin": b"text",
        f"{mclip}/tokenizer.json": b"{}",
    }
    found = sources(site, tmp_path).pull(registry.find("M-CLIP/XLM-Roberta-Large-Vit-B-32"))
    assert found["text"].read_bytes() == b"text"
    assert sources(site, tmp_path, offline=True).pull(registry.find("ViT-B-32::openai")) == {
        "towers": found["towers"]
    }


def test_verify_finds_damage_that_came_after_the_pull(site, tmp_path):
    site.files = {f"{REPOSITORY}/open_clip_model.safetensors": b"safe"}
    path = sources(site, tmp_path).pull(INFO)["towers"]
    (good,) = verify(INFO, tmp_path)
    assert (good.problem, good.checked) == (None, ("sha256",))
    path.write_bytes(b"evil")
    (bad,) = verify(INFO, tmp_path)
    assert "instead of" in bad.problem


def test_verify_knows_published_checksums_and_missing_files(tmp_path):
    openai = registry.find("RN50::openai")
    (missing,) = verify(openai, tmp_path)
    assert missing.path is None
    (tmp_path / "RN50.pt").write_bytes(b"not OpenAI's")
    (wrong,) = verify(openai, tmp_path)
    assert wrong.checked == ("sha256", "md5")
    assert "instead of" in wrong.problem
