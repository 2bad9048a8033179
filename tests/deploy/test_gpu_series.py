"""Panels and rules on what one Flow exported on an H200: every process exports its device.

metrics_h200.txt is a part of the profiler's /metrics after jobs of that Flow, its uuid replaced.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ..programs import needed
from .dashboard import queries
from .test_rules import RULES

SCRAPED = Path(__file__).with_name("metrics_h200.txt")
USED, TOTAL, OF_ENCODER = 5.61184768e09, 1.50754820096e11, 4.957667328e09
DEVICE = '{device="0", name="NVIDIA H200", uuid="GPU-00000000-0000-0000-0000-000000000000"}'
ENCODER = '{device="0", executor="encoder", replica="127.0.0.1"}'


def series(scale: float = 1.0) -> list[dict[str, str]]:
    """Every series of the file for ten minutes; `scale` multiplies the VRAM in use."""
    found = []
    for family in text_string_to_metric_families(SCRAPED.read_text()):
        factor = scale if family.name == "clipbench_vram_used_bytes" else 1.0
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            values = f"{sample.value * factor:.0f}x40" if sample.value > 1 else f"{sample.value}x40"
            found.append({"series": f"{sample.name}{{{labels}}}", "values": values})
    return found


def judge(folder: Path, *tests: dict[str, object]) -> str:
    """What promtool says of the tests; nothing is good."""
    path = folder / "scenario.yml"
    scenario = {"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": list(tests)}
    path.write_text(yaml.safe_dump(scenario))
    said = subprocess.run(
        [needed("promtool", "prometheus"), "test", "rules", path], capture_output=True, text=True
    )
    return said.stdout + said.stderr if said.returncode else ""


EXPECTED = {
    "VRAM by device/A": [(DEVICE, USED)],
    "VRAM by device/B": [(DEVICE, TOTAL)],
    "GPU utilisation/A": [(DEVICE, 0.55)],
    "VRAM by process/A": [(f"clipbench_vram_process_bytes{ENCODER}", OF_ENCODER)],
    "VRAM by process/B": [(f"clipbench_vram_process_peak_bytes{ENCODER}", OF_ENCODER)],
}


def test_every_panel_of_a_gpu_is_expected_here() -> None:
    assert set(EXPECTED) == set(queries()) - set(queries(gpu=False))


def test_a_device_that_five_processes_export_is_counted_once(tmp_path: Path) -> None:
    assert SCRAPED.read_text().count("clipbench_vram_used_bytes{") == 5
    panels = queries()
    asked = [
        {
            "expr": panels[name],
            "eval_time": "5m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in samples],
        }
        for name, samples in EXPECTED.items()
    ]
    test = {"interval": "15s", "input_series": series(), "promql_expr_test": asked}
    assert judge(tmp_path, test) == ""


@pytest.mark.parametrize(("scale", "fires"), [(1.0, False), (5.0, False), (25.5, True)])
def test_the_rule_of_full_vram_sees_one_device(tmp_path: Path, scale: float, fires: bool) -> None:
    # five times 19 % of the device would be 93 %, if the five were added
    labels = {
        "severity": "warning",
        "device": "0",
        "uuid": "GPU-00000000-0000-0000-0000-000000000000",
    }
    groups = yaml.safe_load(RULES.read_text())["groups"]
    (rule,) = (r for g in groups for r in g["rules"] if r.get("alert") == "ClipbenchVramNearlyFull")
    annotations = {
        "summary": "GPU 0 uses 94.92% of its VRAM",
        "action": rule["annotations"]["action"],
    }
    alert = {
        "alertname": "ClipbenchVramNearlyFull",
        "eval_time": "8m",
        "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}] if fires else [],
    }
    test = {"interval": "15s", "input_series": series(scale), "alert_rule_test": [alert]}
    assert judge(tmp_path, test) == ""
