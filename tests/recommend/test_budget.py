import pytest

from clipbench.errors import InvalidRequest
from clipbench.recommend import Constraints, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 2**30),
        ("2gib", 2 * 2**30),
        (" 500 MB ", 500 * 2**20),
        ("1.5G", 1.5 * 2**30),
        ("1TB", 2**40),
        (1024, 1024.0),
    ],
)
def test_a_size_is_read_in_the_unit_of_the_published_tables(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "0GB", "2 QB", "2GB2", "nan GB", -5, 0])
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(InvalidRequest, match=r"2GB|above 0"):
        parse_size(text)


def test_limits_print_as_they_were_meant():
    limits = Constraints.of(max_vram="2GB", max_disk="500MB", min_image_qps=100)
    assert str(limits) == "VRAM ≤ 2.00 GB, disk ≤ 500 MB, image QPS ≥ 100 images/s"
    assert str(Constraints()) == "no limit"


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_must_be_above_zero(rate):
    with pytest.raises(InvalidRequest, match="min_image_qps"):
        Constraints.of(min_image_qps=rate)
