"""Files of embeddings: every form that is read, and what is none."""

from __future__ import annotations

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from safetensors.numpy import save_file

from clipbench.client.given import arrays
from clipbench.errors import DataError

IMAGES = np.arange(12, dtype=np.float32).reshape(3, 4)
TEXTS = IMAGES.astype(np.float16)[:2] + 1
IDS = ["a", "b", "ä"]


def npz(folder):
    np.savez(folder / "e.npz", images=IMAGES, image_ids=IDS, texts=TEXTS)
    return folder / "e.npz"


def npy(folder):
    (folder / "e").mkdir()
    for name, array in (("images", IMAGES), ("image_ids", np.array(IDS)), ("texts", TEXTS)):
        np.save(folder / "e" / f"{name}.npy", array)
    return folder / "e"


def safetensors(folder):
    metadata = {"image_ids": json.dumps(IDS)}
    save_file({"images": IMAGES, "texts": TEXTS}, folder / "e.safetensors", metadata)
    return folder / "e.safetensors"


def table(folder):
    rows = [("image", id_, row) for id_, row in zip(IDS, IMAGES.tolist(), strict=True)]
    rows += [("text", f"t{i}", row) for i, row in enumerate(TEXTS.tolist())]
    kind, ids, embedding = zip(*rows, strict=True)
    made = pyarrow.table({"kind": kind, "id": ids, "embedding": pyarrow.array(embedding)})
    parquet.write_table(made, folder / "e.parquet")
    return folder / "e.parquet"


@pytest.mark.parametrize("write", [npz, npy, safetensors, table])
def test_each_form_gives_the_same_rows(write, tmp_path):
    found = arrays.read(write(tmp_path))
    assert found["images"].row_of == {"a": 0, "b": 1, "ä": 2}
    np.testing.assert_array_equal(found["images"].values, IMAGES)
    np.testing.assert_array_equal(found["texts"].values.astype(np.float32), TEXTS)
    (path,) = tmp_path.iterdir()
    assert len(arrays.digest(path)) == 64


def save(folder, **columns):
    np.savez(folder / "e.npz", **columns)
    return folder / "e.npz"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"images": np.array([{"a": 1}], dtype=object)}, "cannot be read"),  # a pickle
        ({"images": IMAGES.astype(np.int8)}, "int8"),
        ({"images": IMAGES[0]}, "shape"),
        ({"images": IMAGES, "texts": TEXTS[:, :2]}, "dimensions differ"),
        ({"images": IMAGES, "image_ids": ["a", "a", "b"]}, "more than once"),
        ({"images": IMAGES, "image_ids": ["a"]}, "3 rows and 1 ids"),
        ({"pictures": IMAGES}, "not known"),
        ({}, "no array"),
    ],
)
def test_what_is_no_file_of_embeddings_is_refused_with_what_was_expected(columns, said, tmp_path):
    with pytest.raises(DataError, match=said):
        arrays.read(save(tmp_path, **columns))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("e.npz", b"no zip"),
        ("e.npz", b""),
        ("e.safetensors", b"\xff" * 16),
        ("e.safetensors", (2).to_bytes(8, "little") + b"{}"),
        ("e.safetensors", (9).to_bytes(8, "little") + b'{"a": 5} '),
        ("e.parquet", b"PAR1"),
        ("e.npy", b""),
        ("e.pkl", b"\x80\x04."),
    ],
)
def test_a_damaged_file_is_an_error_of_ours(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"e\."):
        arrays.read(tmp_path / name)


def test_a_safetensors_file_whose_offsets_lie_is_refused(tmp_path):
    about = {"images": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 1000]}}
    head = json.dumps(about).encode()
    path = tmp_path / "e.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(1000))
    with pytest.raises(DataError, match="other bytes"):
        arrays.read(path)
