"""Memory does not grow with the data."""

import tracemalloc

import pytest

from clipbench.datasets import open_dataset
from clipbench.datasets.entries import documents
from tests.datasets.building import png, tar

SAMPLES = 50_000


@pytest.fixture
def folder(tmp_path):
    """A shard of 100 MB, written sample by sample from headers whose checksum is adapted."""
    (tmp_path / "test").mkdir()
    (tmp_path / "test/nshards.txt").write_text("1")
    (tmp_path / "classnames.txt").write_text("a\nb\n")
    sample = bytearray(tar([("s00000.png", png(1)), ("s00000.cls", b"1")], ended=False))
    checksums = [int(sample[start + 148 : start + 154], 8) for start in (0, 1024)]
    with (tmp_path / "test/0.tar").open("wb") as file:
        for number in range(SAMPLES):
            digits = b"%05d" % number
            for start, checksum in zip((0, 1024), checksums, strict=True):
                sample[start + 1 : start + 6] = digits
                sample[start + 148 : start + 154] = b"%06o" % (checksum + sum(digits) - 5 * 48)
            file.write(sample)
        file.write(bytes(1024))
    return tmp_path


@pytest.mark.slow
def test_reading_fifty_thousand_samples_takes_a_few_megabytes(folder):
    dataset = open_dataset(folder)
    tracemalloc.start()
    try:
        count = sum(1 for _ in documents(dataset.read(True)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == SAMPLES
    assert peak < 8_000_000  # of which 4 MB are the digests by which a repeated key is known
