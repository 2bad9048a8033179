"""`make bundle`: the wheels that a machine with Python and PyTorch lacks, in one archive."""

import argparse
import base64
import hashlib
import os
import random
import subprocess
import sys
import tarfile
import zipfile

import pytest
import torch

from deploy import bundle

ROOT = bundle.ROOT
LOCKS = sorted((ROOT / "requirements").glob("py3.*/server.lock"))


def wheel(folder, name, version, content="value = 1\n"):
    """A wheel of one module, and its entry in a lock."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for file, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{file},sha256={digest.decode()},{len(text)}\n")
    with zipfile.ZipFile(path, "w") as packed:
        for file, text in files.items():
            packed.writestr(file, text)
        packed.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n    # via jina\n"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_pytorch_cuda_and_onnx_runtime_stay_out_and_the_rest_comes(lock):
    text = lock.read_text()
    every = {pin.name for pin in bundle.pins(text)}
    named = {line.split("==")[0] for line in text.splitlines() if line[:1].isalnum()}
    assert len(every) == len(named)
    left_out = every - {pin.name for pin in bundle.wanted(text, {})}
    assert {"torch", "torchvision", "triton", "onnxruntime-gpu", "cuda-bindings"} <= left_out
    assert any(name.startswith("nvidia-cudnn") for name in left_out)
    assert not left_out & {"nvidia-ml-py", "jina", "grpcio", "open-clip-torch", "simplejpeg"}


def test_what_the_target_has_stays_out_and_another_version_comes():
    lock = "a-b==1.0 \\\n    --hash=sha256:00\nc==2.0\nd[extra]==3.0 ; python_version > '3'\ne==4\n"
    have = bundle.frozen("A_b==1.0\nc==1.9\ne @ file:///somewhere\n# a comment\n-e .\n")
    assert have == {"a-b": "1.0", "c": "1.9", "e": ""}
    assert [pin.name for pin in bundle.wanted(lock, have)] == ["c", "d", "e"]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder of wheels that stands for the index, and a lock of them."""
    folder = tmp_path / "house"
    folder.mkdir()
    lock = wheel(folder, "small", "1.0") + wheel(folder, "other", "2.0")
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder))):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return lock


def test_wheels_are_the_lock_s_and_another_content_is_refused(house, tmp_path):
    bundle.wheels(bundle.wanted(house, {"other": "2.0"}), tmp_path / "wheels")
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == ["small-1.0-py3-none-any.whl"]
    changed = house.replace("sha256:", "sha256:0" * 2)
    with pytest.raises(subprocess.CalledProcessError):
        bundle.wheels(list(bundle.pins(changed)), tmp_path / "refused")


def test_a_wheel_is_unpacked_as_a_folder_for_a_path(house, tmp_path):
    bundle.unpacked(next(bundle.pins(house)), tmp_path / "vendor")
    assert (tmp_path / "vendor" / "small.py").read_text() == "value = 1\n"


def test_the_archive_in_parts_is_the_archive_however_many_there_are(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_bytes(random.Random(0).randbytes(5000))
    whole = bundle.archive(tmp_path / "in", tmp_path / "out" / "name.tar.gz")
    content = whole.read_bytes()
    with tarfile.open(whole) as opened:
        assert "name/file" in opened.getnames()
    for size in (10_000, 100, len(content) // 1100, len(content)):
        for path in bundle.earlier(whole):
            path.unlink()
        whole.write_bytes(content)
        found = bundle.parts(whole, size)
        assert all(len(part.read_bytes()) <= size for part in found)
        whole.unlink()
        command = "cat name.tar.gz.part*"  # docs/operate.md
        joined = subprocess.run(command, shell=True, cwd=whole.parent, stdout=subprocess.PIPE)
        assert joined.stdout == content


def test_a_part_that_is_damaged_or_missing_is_told_by_name(tmp_path):
    whole = tmp_path / "name.tar.gz"
    whole.write_bytes(bytes(range(50)))
    cut = bundle.parts(whole, 10)
    sums = bundle.check_sums(whole, cut)
    command = ["sha256sum", "--quiet", "--check", sums.name]
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    cut[1].write_bytes(b"damaged")
    cut[3].unlink()
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 1
    named = {part.name for part in cut if part.name in told.stdout + told.stderr}
    assert named == {cut[1].name, cut[3].name}


def test_what_the_target_has_is_read_as_shells_write_it_and_another_file_is_refused(tmp_path):
    path = tmp_path / "freeze.txt"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_text("numpy==2.4.6\r\nTorch==2.10.0+cu128\r\n", encoding)
        assert bundle.target_has(path) == {"numpy": "2.4.6", "torch": "2.10.0+cu128"}
    path.write_text("Package Version\n------- -------\nnumpy   2.4.6\n")
    with pytest.raises(SystemExit, match="names no package as `pip freeze` does"):
        bundle.target_has(path)
    with pytest.raises(SystemExit, match="No such file"):
        bundle.target_has(tmp_path / "absent")


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("echo 3.9", "is Python 3.9 and these wheels are for 3.12"),
        ('case "$2" in *version*) echo 3.12;; *) exit 1;; esac', "has no PyTorch"),
    ],
)
def test_the_wrong_python_of_the_target_is_told_before_anything_is_installed(
    tmp_path, python, told
):
    for name, text in (
        ("install", bundle.INSTALL.replace("@VERSION", "3.12")),
        ("python", f"#!/bin/sh\n{python}\n"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["./install"],
        cwd=tmp_path,
        env={"PYTHON": "./python", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.slow
def test_packages_of_the_target_s_environment_are_found_beside_the_wheels(tmp_path):
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (tmp_path / "wheels").mkdir()
    wheel(tmp_path / "wheels", "small", "1.0")
    script = tmp_path / "install"
    script.write_text(bundle.INSTALL.replace("@VERSION", version))
    script.chmod(0o755)
    given = {"PYTHON": sys.executable, "PATH": os.environ["PATH"]}
    subprocess.run([script], cwd="/", env=given, check=True)
    found = "import small, torch; print(torch.__file__)"
    command = [tmp_path / ".venv/bin/python", "-c", found]
    done = subprocess.run(command, env={}, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip() == torch.__file__


def test_the_tree_is_the_commit_s_with_its_links(tmp_path):
    bundle.tree(tmp_path / "project")
    assert (tmp_path / "project" / "clipbench" / "client").is_symlink()
    assert (tmp_path / "project" / "benchmarks" / "gpu" / "__main__.py").exists()


def test_what_is_measured_from_the_tree_names_the_commit(tmp_path):
    bundle.tree(tmp_path / "project")
    done = subprocess.run(
        [sys.executable, "-c", "from clipbench.environment import commit; print(commit())"],
        cwd=tmp_path / "project",
        env={"PYTHONPATH": str(tmp_path / "project"), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.stdout == head.stdout


@pytest.mark.parametrize(("text", "expected"), [("12M", 12 << 20), ("5k", 5120), ("7", 7)])
def test_sizes_of_parts(text, expected):
    assert bundle.size(text) == expected


@pytest.mark.parametrize("text", ["", "M", "0", "1.5M", "-1", "12 MB"])
def test_other_sizes_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="no size such as 12M"):
        bundle.size(text)
