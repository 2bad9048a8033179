"""The builder of the embedded data sets, on a small fixture."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipbench.embedded import DATA
from training import embedded_data, emoji_set, fashion

TAGS = ["face", "grin"]


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture
def cldr(tmp_path: Path) -> Path:
    entries = [
        {
            "hexcode": "1F600",
            "label": "grinning face",
            "tags": ["face", "grin"],
            "group": 0,
            "order": 2,
        },
        {"hexcode": "0023-FE0F-20E3", "label": "keycap: #", "group": 8, "order": 1},
        {"hexcode": "1F3FB", "label": "light skin tone", "group": 2, "order": 3},
        {"hexcode": "1F1E6", "label": "regional indicator A"},
        {"hexcode": "1F1EB-1F1F7", "label": "flag: France", "group": 9, "order": 4},
        {"hexcode": "1FAE9", "label": "not drawn yet", "group": 0, "order": 5},
    ]
    folder = tmp_path / "cldr" / "en"
    folder.mkdir(parents=True)
    (folder / "data.json").write_text(json.dumps(entries))
    return tmp_path / "cldr"


@pytest.fixture
def noto(tmp_path: Path) -> Path:
    folder = tmp_path / "noto" / "img" / "google" / "64"
    folder.mkdir(parents=True)
    for number, code in enumerate(("1f600", "0023-fe0f-20e3", "1f1eb-1f1f7")):
        Image.new("RGBA", (64, 64), (number, 0, 0, 9)).save(folder / f"{code}.png")
    flag = {"unified": "1F1EB-1F1F7", "subcategory": "country-flag"}
    face = {"unified": "1F600", "subcategory": "face-smiling"}
    (tmp_path / "noto" / "emoji.json").write_text(json.dumps([flag, face]))
    return tmp_path / "noto"


def test_emoji_are_those_drawn_without_components_and_regional_flags(
    tmp_path: Path, cldr: Path, noto: Path
) -> None:
    assert embedded_data.build_emoji(tmp_path / "out", noto, cldr) == 2
    with tarfile.open(tmp_path / "out" / "test" / "0.tar") as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    assert contents["s0000000.txt"] == b"keycap: #"
    assert contents["s0000001.txt"] == b"grinning face\nface, grin"
    assert contents["s0000001.png"] == (noto / "img/google/64/1f600.png").read_bytes()
    assert (tmp_path / "out" / "dataset_type.txt").read_text() == "retrieval\n"


def test_building_twice_gives_the_same_bytes(tmp_path: Path, cldr: Path, noto: Path) -> None:
    embedded_data.build_emoji(tmp_path / "a", noto, cldr)
    embedded_data.build_emoji(tmp_path / "b", noto, cldr)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_shards_hold_every_sample_in_order_and_nothing_of_an_older_build(
    tmp_path: Path,
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
    samples = embedded_data.fashion_samples(images, np.arange(7, dtype=np.uint8))
    embedded_data.write_shards(tmp_path / "test", samples, 1)
    embedded_data.write_shards(tmp_path / "test", samples, 3)
    assert (tmp_path / "test" / "nshards.txt").read_text() == "3\n"
    assert sorted(path.name for path in tmp_path.glob("test/*.tar")) == ["0.tar", "1.tar", "2.tar"]
    found = []
    for number in range(3):
        with tarfile.open(tmp_path / "test" / f"{number}.tar") as tar:
            for member in tar:
                assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")
                content = tar.extractfile(member).read()  # type: ignore[union-attr]
                found.append(content)
    assert [int(label) for label in found[1::2]] == list(range(7))
    pixels = [np.asarray(Image.open(io.BytesIO(blob))) for blob in found[::2]]
    np.testing.assert_array_equal(np.stack(pixels), images)


def test_variation_selectors_do_not_make_another_emoji() -> None:
    assert emoji_set.plain_code("0023-FE0F-20E3") == emoji_set.plain_code("0023-20e3")


def test_committed_data_sets_are_whole() -> None:
    for name, suffix, expected in (("fashion_mnist", "cls", 10_000), ("emoji", "txt", 1_644)):
        split = DATA / name / "test"
        keys: dict[str, set[str]] = {"png": set(), suffix: set()}
        for number in range(int((split / "nshards.txt").read_text())):
            with tarfile.open(split / f"{number}.tar") as tar:
                for member in tar.getnames():
                    key, ending = member.split(".")
                    keys[ending].add(key)
        assert len(keys["png"]) == expected
        assert keys["png"] == keys[suffix]
    lines = (DATA / "fashion_mnist" / "classnames.txt").read_text().splitlines()
    assert tuple(lines) == fashion.CLASS_NAMES
