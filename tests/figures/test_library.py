"""Figures come through the project's one download, checked against pinned digests."""

import hashlib
from dataclasses import replace

import pytest

from clipbench import figures
from clipbench.client.main import build
from clipbench.errors import DataError
from clipbench.figures import origin as origins
from tests.download.web import Site, serve
from tests.figures import tables


@pytest.fixture
def site(tmp_path):
    files = {path.name: path.read_bytes() for path in tables.write(tmp_path / "copies")}
    with serve(Site({f"/docs/{name}": data for name, data in files.items()})) as found:
        yield found


def origin(site):
    digests = {
        path.removeprefix("/docs/"): hashlib.sha256(data).hexdigest()
        for path, data in site.files.items()
    }
    return replace(origins.OPEN_CLIP, address=f"{site.address}/docs/", digests=digests)


def test_what_was_pulled_is_known_and_not_fetched_again(site, tmp_path):
    assert len(origins.pull(tmp_path, origin(site))) == 4
    asked = len(site.requests)
    origins.pull(tmp_path, origin(site))
    assert (asked, len(site.requests)) == (4, 4)
    assert figures.load(tmp_path).source == "open_clip"


def test_an_imported_copy_that_differs_gives_way_to_the_pinned_file(site, tmp_path):
    place = tmp_path / "openclip"
    place.mkdir()
    (place / "model_profile.csv").write_text("another")
    origins.pull(tmp_path, origin(site))
    assert figures.load(tmp_path).profile("ViT-B-32::openai").embed_dim == 512


def test_files_of_another_digest_or_that_are_missing_are_refused(site, tmp_path, capsys):
    words = ["figures", "pull", "openclip", "--from", f"{site.address}/docs"]
    with pytest.raises(SystemExit):
        build()([*words, "--folder", str(tmp_path)], standalone_mode=False)
    assert "sha256" in capsys.readouterr().err  # made up, so not the pinned ones
    assert not figures.load(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        origins.pull(tmp_path, replace(origin(site), address=site.address))


def test_the_pinned_address_names_a_commit_and_all_four_tables():
    assert origins.OPEN_CLIP.address.endswith("89fb801f1e6087880e951fc8354b8a2077b79c6d/docs")
    assert set(origins.OPEN_CLIP.digests) == set(tables.tables())
