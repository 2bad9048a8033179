"""A box is cut out of an image, or the image is a flaw with a reason."""

import io

import pytest
from PIL import Image

from clipbench.contract import Reason
from clipbench.datasets.layouts.crops import cropped
from clipbench.datasets.types import Flaw
from tests.pictures import encoded, picture


def test_a_box_is_cut_without_loss():
    whole = picture(40, 30)
    with Image.open(io.BytesIO(cropped(encoded(whole, "PNG"), (5, 6, 20, 10)))) as cut:
        assert cut.tobytes() == whole.crop((5, 6, 25, 16)).tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "AVIF", "EPS"])
def test_what_cannot_be_decoded_is_a_flaw(kind):
    """EPS is not among the formats: Pillow would run another program for it."""
    whole = encoded(picture(40, 30), kind)
    found = cropped(whole if kind == "EPS" else whole[:-100], (5, 6, 20, 10))
    assert isinstance(found, Flaw)
    assert found.reason is Reason.IMAGE_DAMAGED
