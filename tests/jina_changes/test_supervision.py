"""The environment of a Flow's processes, as `clipbench serve` gives it."""

from __future__ import annotations

import pytest
from jina import Flow
from jina.orchestrate import deployments

from clipbench.jina_changes.supervision import give_environment
from clipbench.lifetime import SHARING


@pytest.mark.parametrize(
    ("cards", "sharing"),
    [
        (None, ["5", "5", "5", "5", "5"]),
        ("0", ["5", "5", "5", "5", "5"]),
        ("RR", ["2", "1", "1", "1", "2"]),
        ("RR0:2", ["3", "2", "3", "2", "3"]),
        ("RR1,3", ["3", "2", "3", "2", "3"]),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_replica_knows_how_many_share_its_card(cards, sharing, declared, monkeypatch):
    four = b"\n".join(b"GPU %d: a card (UUID: GPU-%d)" % (n, n) for n in range(4))
    monkeypatch.setattr(deployments.subprocess, "check_output", lambda _command: four)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    own = {"OWN": "kept"} | ({"CUDA_VISIBLE_DEVICES": cards} if cards and declared else {})
    if cards and not declared:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", cards)
    flow = Flow().add(name="encoder", replicas=5, env=own).add(name="retrieval")
    give_environment(flow, {"CLIPBENCH_STATE": "there"})
    flow.build()
    of = {name: [one.env for one in deployment.pod_args["pods"][0]] for name, deployment in flow}
    assert [env[SHARING] for env in of["encoder"]] == sharing
    assert all(env["CLIPBENCH_STATE"] == "there" for envs in of.values() for env in envs)
    assert [env.get("OWN") for env in of["encoder"] + of["retrieval"]] == ["kept"] * 5 + [None]
