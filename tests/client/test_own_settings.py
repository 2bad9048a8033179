"""A run says which server it uses, and stops where that one decided a setting otherwise."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from docarray import Document

from clipbench import config
from clipbench.client.commands import common
from clipbench.client.connection import Connection
from clipbench.client.own_settings import refuse_other_settings
from clipbench.errors import InvalidRequest
from clipbench.preflight import checkpoint_digests
from tests.client.servers import holding, serving

SETTINGS = config.Settings()
TUNED = replace(SETTINGS, checkpoints="tuned=ViT-B-32=/m/tuned.pt,other=RN50=/m/other.pt")


@pytest.fixture
def server():
    """A server with two checkpoints on the first GPU, and how often it was asked."""
    told = {"names": [], "device": "cuda:0", "checkpoints": checkpoint_digests(TUNED)}

    def answer(_request, _context):
        return holding([Document(text=json.dumps(told))])

    with serving(answer) as (address, scripted), Connection(address) as connection:
        yield connection, scripted


def test_the_same_settings_are_no_difference(server):
    connection, scripted = server
    refuse_other_settings(SETTINGS, connection)
    assert scripted.requests == 0
    for same in (TUNED, replace(TUNED, device="cuda"), replace(SETTINGS, device="cuda:0")):
        refuse_other_settings(same, connection)
    one = replace(SETTINGS, checkpoints="other=RN50=/m/other.pt")
    refuse_other_settings(one, connection)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("device", "cpu", "DEVICE .* names cpu, and it runs on cuda:0"),
        ("device", "cuda:1", "cuda:1, and it runs on cuda:0"),
        ("checkpoints", "new=ViT-B-32=/m/tuned.pt", "CHECKPOINTS .* names new, which it has not"),
        ("checkpoints", "tuned=ViT-B-32=/m/b.pt", "tuned, which is another file there"),
        ("checkpoints", "tuned=ViT-B-16=/m/tuned.pt", "tuned, which is another file there"),
    ],
)
def test_another_setting_stops_the_run_and_names_both_ways_out(server, setting, value, told):
    with pytest.raises(InvalidRequest, match=rf"{told}.*Unset it.*--server"):
        refuse_other_settings(replace(SETTINGS, **{setting: value}), server[0])


def test_a_run_says_which_server_it_uses(server, tmp_path, capsys, monkeypatch):
    for name in ("CLIPBENCH_DEVICE", "CLIPBENCH_CHECKPOINTS"):
        monkeypatch.delenv(name, raising=False)
    address = server[0].server
    with common.at_server(address, None, None, tmp_path):
        assert f"Using the server at {address.removeprefix('grpc://')}" in capsys.readouterr().out
    monkeypatch.setenv("CLIPBENCH_CHECKPOINTS", "tuned=ViT-B-32=/m/another.pt")
    with pytest.raises(InvalidRequest), common.at_server(address, None, None, tmp_path):
        pass
