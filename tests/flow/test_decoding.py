"""Jobs with scaled decoding through the Flow: asked for, done, and told in the result."""

from __future__ import annotations

import pytest

from clipbench import results
from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.contract import endpoints
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import InvalidRequest
from tests.pictures import encoded, picture

MODEL = "ViT-nano-16-64::embedded"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of two classes, with JPEG files that are many times as large as the model's side."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(6):
        path = folder / ("dark", "light")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(picture(1000, 800, number)))
    return folder


def test_a_result_says_how_images_were_decoded_and_has_a_file_of_its_own(
    connection, photos, tmp_path
):
    for decoding in ("full", "scaled"):
        options = JobOptions(EncodeSettings(decoding=decoding), folder=tmp_path)
        evaluate(MODEL, photos, server=connection, options=options)
    found = {result.settings.decoding: result for result in results.load_all(tmp_path)}
    assert set(found) == {"full", "scaled"}
    assert all(result.documents.counted == 6 for result in found.values())
    assert found["full"].dataset.data_sha256 == found["scaled"].dataset.data_sha256


def test_another_decoding_is_refused_with_those_there_are(connection):
    parameters = {"model": MODEL, "decoding": "half"}
    with pytest.raises(InvalidRequest, match="decoding 'half' is not one of full, scaled, gpu"):
        connection.request(endpoints.DESCRIBE, (), parameters)
