"""Prometheus accepts its configuration, and the rules do what rules.test.yml says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from ..programs import needed

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
SCENARIOS = Path(__file__).with_name("rules.test.yml")


@pytest.fixture(scope="module")
def promtool() -> str:
    return needed("promtool", "prometheus")


def test_prometheus_accepts_the_configuration_and_the_rules(promtool: str) -> None:
    subprocess.run(
        [promtool, "check", "config", ROOT / "deploy/prometheus/prometheus.yml"], check=True
    )


def test_the_rules_pass_their_scenarios(promtool: str) -> None:
    subprocess.run([promtool, "test", "rules", SCENARIOS], check=True)


def test_every_alert_has_a_scenario_in_which_it_fires() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    fired = {
        case["alertname"]
        for scenario in yaml.safe_load(SCENARIOS.read_text())["tests"]
        for case in scenario.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    assert fired == alerts
