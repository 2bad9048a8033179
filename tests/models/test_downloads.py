"""A download ends with the right file, or with no file and an error that says why."""

import hashlib

import httpx
import pytest

from clipbench.errors import CheckpointError
from clipbench.weights.digests import Digests
from clipbench.weights.downloads import Download, NotThere
from tests.models.web import Site, serve

DATA = bytes(range(256)) * 4000  # 1 MB
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def site():
    with serve(Site(files={"/w": DATA}, headers={"ETag": '"one"'})) as running:
        yield running


@pytest.fixture
def client():
    with httpx.Client(follow_redirects=True, timeout=0.3, max_redirects=5) as made:
        yield made


def fetch(site, client, path, digests=None, progress=None):
    digests = digests or Digests(sha256=SHA256)
    return Download(f"{site.address}/w", path / "w", digests, progress, pause=0).run(client)


def test_a_file_arrives_whole_with_its_progress(site, client, tmp_path):
    seen = []
    path = fetch(site, client, tmp_path, progress=lambda *step: seen.append(step))
    assert path.read_bytes() == DATA
    assert seen[-1] == ("w", len(DATA), len(DATA))
    assert not list(tmp_path.glob("*.partial"))


def test_a_file_that_is_there_is_not_fetched_again(site, client, tmp_path):
    fetch(site, client, tmp_path)
    fetch(site, client, tmp_path)
    assert len(site.requests) == 1


@pytest.mark.parametrize("fault", ["cut", "stall", "503", "429", "500"])
def test_a_passing_fault_is_tried_again(site, client, tmp_path, fault):
    site.faults = [fault]
    assert fetch(site, client, tmp_path).read_bytes() == DATA


def test_a_cut_file_goes_on_where_it_stopped(site, client, tmp_path):
    site.faults = ["cut"]
    fetch(site, client, tmp_path)
    assert site.requests[1] == ("/w", f"bytes={len(DATA) // 2}-")


def test_a_server_without_ranges_starts_over(site, client, tmp_path):
    site.faults, site.ranges = ["cut"], False
    assert fetch(site, client, tmp_path).read_bytes() == DATA


def test_a_file_that_changed_in_between_starts_over(site, client, tmp_path):
    (tmp_path / "w.partial").write_bytes(b"of another version")
    (tmp_path / "w.etag").write_text('"zero"')
    assert fetch(site, client, tmp_path).read_bytes() == DATA


def test_a_range_that_was_not_asked_for_starts_over(site, client, tmp_path):
    site.faults = ["cut", "wrong range"]
    assert fetch(site, client, tmp_path).read_bytes() == DATA


def test_416_at_the_end_means_complete(site, client, tmp_path):
    (tmp_path / "w.partial").write_bytes(DATA)
    assert fetch(site, client, tmp_path).read_bytes() == DATA


def test_416_past_the_end_starts_over(site, client, tmp_path):
    (tmp_path / "w.partial").write_bytes(DATA + b"more")
    assert fetch(site, client, tmp_path).read_bytes() == DATA


def test_a_length_that_promises_too_much_is_an_error_at_last(site, client, tmp_path):
    site.faults, site.ranges = ["long"] * 20, False
    with pytest.raises(CheckpointError, match="times in a row"):
        fetch(site, client, tmp_path)
    assert not (tmp_path / "w").exists()


def test_a_length_that_promises_too_little_fails_the_checksum(site, client, tmp_path):
    site.faults = ["short"] * 20
    with pytest.raises(CheckpointError, match="sha256"):
        fetch(site, client, tmp_path)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("digests", [Digests(md5="00" * 16), Digests(sha256="deadbeef")])
def test_a_wrong_checksum_leaves_nothing_behind(site, client, tmp_path, digests):
    with pytest.raises(CheckpointError, match="instead of"):
        fetch(site, client, tmp_path, digests)
    assert [path.name for path in tmp_path.iterdir()] == ["w.lock"]


def test_the_first_digits_of_a_checksum_are_enough(site, client, tmp_path):
    assert fetch(site, client, tmp_path, Digests(sha256=SHA256[:8])).exists()


def test_the_hub_s_own_checksum_is_believed_through_its_redirect(site, client, tmp_path):
    site.headers["X-Linked-Etag"] = '"' + "0" * 64 + '"'
    with pytest.raises(CheckpointError, match="sha256"):
        fetch(site, client, tmp_path)


def test_redirects_are_followed_but_not_in_a_circle(site, client, tmp_path):
    site.redirects = {"/w": "/v", "/v": "/u"}
    site.files["/u"] = DATA
    assert fetch(site, client, tmp_path).read_bytes() == DATA
    site.redirects = {"/w": "/v", "/v": "/w"}
    with pytest.raises(NotThere, match="redirect"):
        fetch(site, client, tmp_path / "again")


@pytest.mark.parametrize("status", ["401", "403", "404", "410"])
def test_a_refusal_is_not_tried_again(site, client, tmp_path, status):
    site.faults = [status]
    with pytest.raises(NotThere, match=status):
        fetch(site, client, tmp_path)
    assert len(site.requests) == 1


def test_a_lasting_fault_ends_with_what_came_kept(site, client, tmp_path):
    site.faults = ["cut"] + ["503"] * 20
    with pytest.raises(CheckpointError, match="503"):
        fetch(site, client, tmp_path)
    assert (tmp_path / "w.partial").stat().st_size == len(DATA) // 2
