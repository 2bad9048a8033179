"""HTTP as it is: servers that stall, cut, redirect, refuse ranges, are busy, or lie."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from clipbench.datasets.sources import Remote, base_address
from clipbench.download import Patience, recorded_sha256, shown
from clipbench.errors import DataError, InvalidRequest, Unavailable
from tests.datasets.serving import cut, serving, stall, status

DATA = bytes(range(256)) * 4096
HASTE = Patience(attempts=3, first_pause=0.01, longest_pause=0.02, connect=2, read=10, redirects=3)


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "served"
    (root / "test").mkdir(parents=True)
    (root / "test/0.tar").write_bytes(DATA)
    with serving(root) as server:
        yield server


@pytest.fixture(params=["kept", "streamed"])
def remote(request, server, tmp_path):
    return Remote(server.url, tmp_path / "cache" if request.param == "kept" else None, HASTE)


def contents(remote, name="test/0.tar"):
    with remote.open(name) as stream:
        return stream.read()


def test_a_whole_file_arrives_whole(remote):
    assert contents(remote) == DATA


def test_a_kept_file_is_asked_for_once_and_recorded_with_its_digest(server, tmp_path):
    remote = Remote(server.url, tmp_path / "cache", HASTE)
    assert contents(remote) == contents(remote) == DATA
    assert len(server.requests) == 1
    kept = tmp_path / "cache/test/0.tar"
    assert recorded_sha256(kept) == hashlib.sha256(DATA).hexdigest()
    assert sorted(p.name for p in kept.parent.iterdir()) == [".0.tar.json", "0.tar"]


def test_two_that_want_the_same_file_fetch_it_once(server, tmp_path):
    def want(_):
        return contents(Remote(server.url, tmp_path / "cache", HASTE))

    server.behaviours["test/0.tar"] = [stall(300_000, seconds=0.5)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(want, range(2))) == [DATA, DATA]
    assert [asked for _, asked in server.requests] == [None, "bytes=300000-"]
    names = sorted(p.name for p in (tmp_path / "cache/test").iterdir())
    assert names == [".0.tar.json", "0.tar"]


def test_a_file_that_was_cut_later_is_fetched_again(server, tmp_path):
    remote = Remote(server.url, tmp_path / "cache", HASTE)
    kept = remote.fetch("test/0.tar")
    kept.write_bytes(DATA[:100])
    assert contents(remote) == DATA


def test_a_cut_connection_is_resumed_where_it_stopped(server, remote):
    server.behaviours["test/0.tar"] = [cut(300_000), cut(300_000)]
    assert contents(remote) == DATA
    assert [asked for _, asked in server.requests] == [None, "bytes=300000-", "bytes=600000-"]


def test_a_stalled_connection_is_given_up_and_resumed(server, remote):
    server.behaviours["test/0.tar"] = [stall(5000, seconds=3)]
    assert contents(replace(remote, patience=replace(HASTE, attempts=9, read=0.5))) == DATA
    assert server.requests[1] == ("test/0.tar", "bytes=5000-")


def test_a_busy_server_is_asked_again(server, remote):
    busy = status(503, **{"Retry-After": "1"})
    server.behaviours["test/0.tar"] = [busy, status(429)]
    assert contents(remote) == DATA


def test_a_server_that_stays_busy_is_unavailable(server, remote):
    server.behaviours["test/0.tar"] = [status(503)]
    server.forever = True
    with pytest.raises(Unavailable, match="503, 3 times in a row"):
        contents(remote)


def test_a_server_that_always_sends_less_than_it_says_never_passes_for_whole(server, remote):
    server.behaviours["test/0.tar"] = [lambda h, d: (h.answer(200, d[:10], length=20), h.hang_up())]
    server.forever = True
    with pytest.raises((Unavailable, DataError)):
        contents(remote)


def test_a_server_that_ignores_ranges_is_read_from_the_beginning(server, remote):
    server.behaviours["test/0.tar"] = [
        cut(300_000),
        lambda h, d: h.answer(200, d, ETag=f'"{hash(d)}"'),
    ]
    assert contents(remote) == DATA


def test_a_server_that_answers_another_range_is_asked_again(server, tmp_path):
    wrong = {"Content-Range": f"bytes 5-9/{len(DATA)}"}
    server.behaviours["test/0.tar"] = [cut(1000), lambda h, d: h.answer(206, d[5:10], **wrong)]
    assert contents(Remote(server.url, tmp_path / "cache", HASTE)) == DATA


def test_a_partial_answer_that_is_shorter_than_its_range_is_noticed(server, remote):
    span = {"Content-Range": f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"}
    server.behaviours["test/0.tar"] = [
        cut(1000),
        lambda h, d: h.answer(206, d[1000:2000], ETag=f'"{hash(d)}"', **span),
    ]
    assert contents(remote) == DATA


def test_a_416_when_nothing_is_left_means_whole(server, tmp_path):
    remote = Remote(server.url, tmp_path / "cache", HASTE)
    server.behaviours["test/0.tar"] = [cut(len(DATA) - 1)]
    assert contents(remote) == DATA
    kept = tmp_path / "cache/test/0.tar"
    kept.rename(kept.with_name("0.tar.partial"))
    etag = f'{{"validator": "\\"{hash(DATA)}\\"", "total": {len(DATA)}}}'
    kept.with_name(".0.tar.partial.json").write_text(etag)
    assert contents(remote) == DATA
    assert server.requests[-1] == ("test/0.tar", f"bytes={len(DATA)}-")


def test_a_416_of_a_server_that_lost_track_begins_again(server, tmp_path):
    server.behaviours["test/0.tar"] = [cut(5000), status(416, **{"Content-Range": "bytes */17"})]
    assert contents(Remote(server.url, tmp_path / "cache", HASTE)) == DATA
    assert server.requests[-1] == ("test/0.tar", None)


def test_a_file_that_changes_between_two_requests_is_fetched_anew(server, tmp_path):
    new = DATA[::-1]

    def cut_and_change(handler, data):
        cut(5000)(handler, data)
        (server.root / "test/0.tar").write_bytes(new)

    server.behaviours["test/0.tar"] = [cut_and_change]
    assert contents(Remote(server.url, tmp_path / "cache", HASTE)) == new


def test_a_file_that_changes_while_it_is_streamed_is_refused(server):
    def cut_and_change(handler, data):
        cut(5000)(handler, data)
        (server.root / "test/0.tar").write_bytes(data[::-1])

    server.behaviours["test/0.tar"] = [cut_and_change]
    with pytest.raises(DataError, match="changed"):
        contents(Remote(server.url, None, HASTE))


def test_what_was_fetched_in_part_is_gone_on_with_by_the_next_process(server, tmp_path):
    server.behaviours["test/0.tar"] = [cut(400_000), *[status(500)] * 3]
    with pytest.raises(Unavailable):
        contents(Remote(server.url, tmp_path / "cache", HASTE))
    assert contents(Remote(server.url, tmp_path / "cache", HASTE)) == DATA
    assert server.requests[-1] == ("test/0.tar", "bytes=400000-")


def test_redirects_are_followed_so_far_and_no_further(server, remote):
    server.behaviours["a"] = [status(302, Location="/test/0.tar")]
    assert contents(remote, "a") == DATA
    server.behaviours["round"] = [status(302, Location="/round")]
    server.forever = True
    with pytest.raises(DataError, match="redirects"):
        contents(remote, "round")


def test_a_digest_that_the_redirect_announces_is_checked(server, tmp_path):
    def linked(digest):
        return status(302, Location="/test/0.tar", **{"X-Linked-Etag": f'"{digest}"'})

    server.behaviours["a"] = [linked(hashlib.sha256(DATA).hexdigest())]
    server.behaviours["b"] = [linked("0" * 64)]
    remote = Remote(server.url, tmp_path / "cache", HASTE)
    assert contents(remote, "a") == DATA
    with pytest.raises(DataError, match="sha256"):
        contents(remote, "b")


def test_a_length_that_the_redirect_announces_is_checked(server, remote):
    longer = str(len(DATA) + 1)
    server.behaviours["a"] = [
        status(302, Location="/test/0.tar", **{"X-Linked-Size": longer}),
    ]
    server.forever = True
    with pytest.raises((Unavailable, DataError)):
        contents(remote, "a")


def test_a_body_of_unknown_length_is_refused(server, remote):
    def unknown(handler, data):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(data)
        handler.hang_up()

    server.behaviours["test/0.tar"] = [unknown]
    with pytest.raises(DataError, match="how long"):
        contents(remote)


@pytest.mark.parametrize("code", [401, 403, 418])
def test_a_refusal_is_an_error_at_once(server, remote, code):
    server.behaviours["test/0.tar"] = [status(code)]
    with pytest.raises(DataError, match=str(code)):
        contents(remote)
    assert len(server.requests) == 1


def test_a_file_that_is_not_there_is_none_for_metadata_and_no_file_for_a_shard(server, remote):
    assert remote.read("classnames.txt", 100) is None
    with pytest.raises(FileNotFoundError):
        remote.open("test/1.tar")


def test_a_busy_server_is_not_taken_for_a_missing_file(server, remote):
    server.behaviours["dataset_type.txt"] = [status(503)]
    server.forever = True
    with pytest.raises(Unavailable):
        remote.read("dataset_type.txt", 100)


def test_a_small_file_that_is_large_is_refused(server, remote):
    with pytest.raises(DataError, match="larger than 100"):
        remote.read("test/0.tar", 100)


def test_nobody_listening_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        Remote("http://127.0.0.1:9", tmp_path, HASTE).open("0.tar")


def test_offline_takes_what_is_kept_and_asks_nobody(server, tmp_path):
    contents(Remote(server.url, tmp_path / "cache", HASTE))
    offline = Remote(server.url, tmp_path / "cache", HASTE, offline=True)
    assert contents(offline) == DATA
    assert offline.read("classnames.txt", 100) is None
    with pytest.raises(Unavailable, match="offline"):
        offline.open("test/1.tar")
    assert len(server.requests) == 1


def test_a_page_of_the_hub_becomes_the_place_of_its_files():
    page = "https://huggingface.co/datasets/clip-benchmark/wds_vtab-pets"
    assert base_address(f"{page}/tree/main/") == f"{page}/resolve/main"
    assert base_address(page) == f"{page}/resolve/main"
    assert base_address("http://host/data/") == "http://host/data"
    with pytest.raises(InvalidRequest):
        base_address("ftp://host/data")


def test_a_password_in_an_address_is_not_shown():
    assert shown("https://me:secret@host/data") == "https://host/data"
