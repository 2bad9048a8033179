"""Data sets at an address: opened, pulled, read again without the network."""

import json

import pytest

from clipbench.datasets import Image, open_dataset, opening, pull, verify
from clipbench.download import Patience
from clipbench.errors import DataError, InvalidRequest, Unavailable, UnknownName
from tests.datasets import building
from tests.datasets.serving import cut, serving, status

KITTI = "vtab/kitti_closest_vehicle_distance"


@pytest.fixture(autouse=True)
def haste(monkeypatch):
    monkeypatch.setattr(Patience, "pause", lambda *_: 0.01)


@pytest.fixture
def server(tmp_path):
    labels = [number % 4 for number in range(711)]
    shards = [building.labelled_shard(labels[:400]), building.labelled_shard(labels[400:])]
    building.wds(tmp_path / "served", shards, classnames="a\nb\n\nd\n", templates="{c}\n")
    with serving(tmp_path / "served") as server:
        yield server


def test_a_registered_set_is_pulled_and_then_read_offline(server, tmp_path):
    folder = pull(KITTI, tmp_path / "root", base=server.url)
    asked = len(server.requests)
    dataset = open_dataset(KITTI, root=tmp_path / "root", offline=True)
    found = verify(dataset)
    assert found.ok
    assert dataset.classnames == ("a", "b", "", "d")
    assert dataset.images == 711
    assert len(server.requests) == asked
    assert folder == tmp_path / "root/wds_vtab-kitti_closest_vehicle_distance"


def test_pulling_again_fetches_only_what_is_missing(server, tmp_path):
    folder = pull(KITTI, tmp_path, base=server.url)
    (folder / "test/1.tar").unlink()
    server.requests.clear()
    pull(KITTI, tmp_path)
    assert [name for name, _ in server.requests if name.endswith(".tar")] == ["test/1.tar"]


def test_an_address_is_opened_like_a_folder(server, tmp_path):
    for keep in (True, False):
        dataset = open_dataset(server.url, root=tmp_path / "root", keep=keep)
        assert sum(isinstance(d, Image) for d in dataset.documents()) == 711
        assert dataset.source == server.url
    assert not verify(dataset).faults_by_reason


def test_a_shard_that_the_server_does_not_have_is_refused_and_the_rest_is_read(server, tmp_path):
    (tmp_path / "served/test/0.tar").unlink()
    gap, *images = open_dataset(server.url, root=tmp_path / "root").documents()
    assert gap.source == "test/0.tar"
    assert len(images) == 311


@pytest.mark.parametrize("keep", [True, False])
def test_trouble_that_lasts_stops_the_reading_and_what_came_is_kept(server, tmp_path, keep):
    server.behaviours["test/1.tar"] = [cut(10_000), *[status(503)] * 9]
    dataset = open_dataset(server.url, root=tmp_path / "root", keep=keep)
    with pytest.raises(Unavailable):
        list(dataset.documents())
    server.behaviours.clear()
    assert len(list(dataset.documents())) == 711


def test_one_s_own_copy_in_the_root_is_read_in_its_own_layout(tmp_path):
    labels = [number % 4 for number in range(711)]
    building.class_folders(tmp_path / "vtab-kitti_closest_vehicle_distance", labels)
    dataset = open_dataset(KITTI, root=tmp_path)
    assert (dataset.layout, dataset.id) == ("classes", KITTI)
    assert pull(KITTI, tmp_path) == tmp_path / "vtab-kitti_closest_vehicle_distance"


def test_a_folder_is_never_filled_from_two_addresses(server, tmp_path):
    pull(KITTI, tmp_path, base=server.url)
    with pytest.raises(InvalidRequest, match="holds files from"):
        pull(KITTI, tmp_path, base="http://127.0.0.1:9/other")


def test_offline_without_a_copy_says_so(tmp_path):
    with pytest.raises((DataError, Unavailable)):
        open_dataset(KITTI, root=tmp_path, offline=True)
    assert list(tmp_path.iterdir()) == []


def test_the_full_flickr_sets_are_not_on_the_hub(tmp_path):
    with pytest.raises(InvalidRequest, match="get the original"):
        pull("flickr8k", tmp_path, split="all")
    with pytest.raises(UnknownName):
        pull("flickr9k", tmp_path)


def test_embedded_sets_need_no_pulling(tmp_path):
    assert pull("emoji", tmp_path).name == "emoji"


def test_progress_is_told(server, tmp_path):
    told = []
    pull(KITTI, tmp_path, base=server.url, progress=lambda *news: told.append(news))
    last = {name: (here, of) for name, here, of in told}
    assert all(here == of for here, of in last.values())
    assert set(last) >= {"test/0.tar", "test/1.tar", "classnames.txt"}


def test_the_mark_of_a_folder_shows_no_password(tmp_path):
    opening.at_address("http://me:secret@127.0.0.1:9/data", tmp_path)
    (mark,) = tmp_path.rglob(".clipbench.json")
    assert json.loads(mark.read_text()) == {"address": "http://127.0.0.1:9/data"}
