"""The locks name no machine; those of the service come from one resolution."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-slim.lock", "requirements-dev.lock")
PEERS = ("benchmarks/peers/stock.lock", "benchmarks/peers/infinity.lock")


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("name", LOCKS + PEERS)
def test_a_lock_names_no_index_and_no_folder_of_a_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    assert not re.search(r"(?<![\w.-])/\w+/", text)


@pytest.mark.parametrize("name", LOCKS + PEERS)
def test_every_line_of_a_lock_is_pinned_and_hashed(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) == len(pins(name)) > 1
    assert all(" --hash=sha256:" in line for line in lines)


def test_the_slim_lock_is_the_full_lock_without_the_encoders_packages() -> None:
    full, slim = pins("requirements.lock"), pins("requirements-slim.lock")
    assert slim.items() < full.items()
    heavy = [name for name in full.keys() - slim.keys() if re.match(r"nvidia-|torch|onnx", name)]
    assert "torch" in heavy
    assert not [name for name in slim if re.match(r"nvidia-(?!ml-py)|torch|onnx|triton", name)]


def test_the_test_tools_share_the_runtimes_versions() -> None:
    full, tools = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: full[name] for name in full.keys() & tools.keys()} == {
        name: tools[name] for name in full.keys() & tools.keys()
    }


def test_protobuf_is_the_compiled_one_despite_open_clips_wish() -> None:
    assert pins("requirements.lock")["protobuf"] == "4.25.8"
    assert pins("requirements-slim.lock")["protobuf"] == "4.25.8"
