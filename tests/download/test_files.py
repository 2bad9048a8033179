"""A download ends with the right file, or with no file and an error that says why."""

import hashlib
import shutil
from contextlib import suppress

import httpx
import pytest

from clipbench.download import Digests, Download, Patience, new_client
from clipbench.download.transfer import MAX_BYTES, Transfer
from clipbench.errors import DataError, Unavailable
from tests.download.web import Site, serve

DATA = bytes(range(256)) * 4000  # 1 MB
HASTE = Patience(first_pause=0, longest_pause=0, read=0.3)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def site():
    with serve(Site(files={"/w": DATA}, headers={"ETag": '"one"'})) as running:
        yield running


@pytest.fixture
def client():
    with new_client(HASTE) as made:
        yield made


def fetch(site, client, path, digests=None, progress=None):
    digests = digests or Digests(sha256=SHA256)
    return Download(f"{site.address}/w", path / "w", digests, progress, HASTE).run(client)


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
    (tmp_path / ".w.partial.json").write_text('{"validator": "\\"zero\\""}')
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
    with pytest.raises(Unavailable, match="times in a row"):
        fetch(site, client, tmp_path)
    assert not (tmp_path / "w").exists()


def test_a_length_that_promises_too_little_fails_the_checksum(site, client, tmp_path):
    site.faults = ["short"] * 20
    with pytest.raises(DataError, match="sha256"):
        fetch(site, client, tmp_path)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("digests", [Digests(md5="00" * 16), Digests(sha256="deadbeef")])
def test_a_wrong_checksum_leaves_nothing_behind(site, client, tmp_path, digests):
    with pytest.raises(DataError, match="instead of"):
        fetch(site, client, tmp_path, digests)
    assert not list(tmp_path.iterdir())


def test_the_first_digits_of_a_checksum_are_enough(site, client, tmp_path):
    assert fetch(site, client, tmp_path, Digests(sha256=SHA256[:8])).exists()


def test_the_hub_s_own_checksum_is_believed_through_its_redirect(site, client, tmp_path):
    site.headers["X-Linked-Etag"] = '"' + "0" * 64 + '"'
    with pytest.raises(DataError, match="sha256"):
        fetch(site, client, tmp_path)


def test_redirects_are_followed_but_not_in_a_circle(site, client, tmp_path):
    site.redirects = {"/w": "/v", "/v": "/u"}
    site.files["/u"] = DATA
    assert fetch(site, client, tmp_path).read_bytes() == DATA
    site.redirects = {"/w": "/v", "/v": "/w"}
    with pytest.raises(DataError, match="redirect"):
        fetch(site, client, tmp_path / "again")


@pytest.mark.parametrize("status", ["401", "403", "404", "410"])
def test_a_refusal_is_not_tried_again(site, client, tmp_path, status):
    site.faults = [status]
    with pytest.raises((FileNotFoundError, DataError), match=status):
        fetch(site, client, tmp_path)
    assert len(site.requests) == 1


def test_a_lasting_fault_ends_with_what_came_kept(site, client, tmp_path):
    site.faults = ["cut"] + ["503"] * 20
    with pytest.raises(Unavailable, match="503"):
        fetch(site, client, tmp_path)
    assert (tmp_path / "w.partial").stat().st_size == len(DATA) // 2


def answering(handler):
    return new_client(HASTE, httpx.MockTransport(handler))


def test_a_step_down_from_https_to_http_is_refused_and_no_password_is_shown(tmp_path):
    def handler(request):
        assert request.url.scheme == "https", "the open address was asked"
        return httpx.Response(302, headers={"Location": "http://elsewhere/w"})

    with (
        answering(handler) as client,
        pytest.raises(DataError, match="from https to http") as refusal,
    ):
        Download("https://me:secret@host/w", tmp_path / "w", patience=HASTE).run(client)
    assert "secret" not in str(refusal.value)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path):
    large = {"Content-Length": str(MAX_BYTES + 1)}
    with (
        answering(lambda request: httpx.Response(200, headers=large)) as client,
        pytest.raises(DataError, match="limit"),
    ):
        Download("https://host/w", tmp_path / "w", patience=HASTE).run(client)


def test_a_file_that_does_not_fit_the_disk_is_refused_before_it_is_written(tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    length = {"Content-Length": str(len(DATA))}
    answer = httpx.Response(200, headers=length, stream=httpx.ByteStream(DATA))
    with (
        answering(lambda request: answer) as client,
        pytest.raises(DataError, match="10 are free"),
    ):
        Download("https://host/w", tmp_path / "w", patience=HASTE).run(client)


def test_a_file_that_was_cut_since_it_came_is_fetched_again(site, client, tmp_path):
    fetch(site, client, tmp_path).write_bytes(DATA[:10])
    assert fetch(site, client, tmp_path).read_bytes() == DATA


def test_a_file_put_there_by_hand_is_whole(site, client, tmp_path):
    (tmp_path / "w").write_bytes(b"mine")
    assert fetch(site, client, tmp_path).read_bytes() == b"mine"
    assert not site.requests


def test_the_hub_alone_is_shown_the_token_and_a_refusal_says_how_to_be_let_in(
    tmp_path, monkeypatch
):
    shown = []

    def answer(request):
        shown.append((request.url.host, request.headers.get("Authorization")))
        if "gated" in request.url.path:
            return httpx.Response(401)
        if request.url.host == "huggingface.co":
            return httpx.Response(302, headers={"Location": "https://elsewhere.example/w"})
        size = {"Content-Length": str(len(DATA))}
        return httpx.Response(200, headers=size, stream=httpx.ByteStream(DATA))

    (tmp_path / "token").write_text("of-a-file\n")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    hub = "https://huggingface.co/datasets/them/theirs/resolve/main"
    with new_client(HASTE, httpx.MockTransport(answer)) as client:

        def fetched(url):
            return b"".join(chunk for _, chunk in Transfer(client, url, HASTE))

        assert fetched(f"{hub}/w") == DATA
        monkeypatch.setenv("HF_TOKEN", "of-the-environment")
        assert fetched(f"{hub}/w") == DATA
        for address in ("http://huggingface.co/w", "https://huggingface.co.example/w"):
            with suppress(DataError):  # no redirect from https to http
                fetched(address)
        with pytest.raises(DataError, match=r"terms at .*datasets/them/theirs,") as error:
            fetched(f"{hub}/gated")
    assert "of-the-environment" not in str(error.value)
    assert shown[:4] == [
        ("huggingface.co", "Bearer of-a-file"),
        ("elsewhere.example", None),
        ("huggingface.co", "Bearer of-the-environment"),
        ("elsewhere.example", None),
    ]
    assert not any(token for _, token in shown[4:-1])
