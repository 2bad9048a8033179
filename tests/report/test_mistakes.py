import base64
import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from clipbench.report.mistakes import collect
from clipbench.report.thumbnails import data_uri, looking
from clipbench.results import load_all

from ..compare import simulate
from . import pages


@pytest.fixture
def two_models(tmp_path):
    for model, ranks in (("a", [1, 2, 1, 5] * 25), ("b", [1, 1, 3, 4] * 25)):
        result, sidecar = simulate.classification(ranks, model=model)
        simulate.save(pages.with_classes(result, sidecar, pages.NAMES), sidecar, tmp_path)
    return tmp_path


def test_documents_that_some_model_got_wrong_are_chosen(two_models):
    (found,) = collect(load_all(two_models), two_models)
    assert (found.models, found.wrong, found.total) == (("a", "b"), 75, 100)
    assert len(found.documents) == 60
    for document in found.documents:
        assert any(answer.wrong for answer in document.answers)


def test_an_answer_names_the_class_that_the_model_saw(two_models):
    (found,) = collect(load_all(two_models), two_models, limit=1000)
    document = next(d for d in found.documents if d.id == "i1")
    assert document.truth == "trouser"
    assert [(a.wrong, a.text) for a in document.answers] == [(True, "pullover"), (False, "trouser")]


def test_both_kinds_of_document_are_among_the_chosen(two_models):
    (found,) = collect(load_all(two_models), two_models, limit=20)
    one = [d for d in found.documents if sum(a.wrong for a in d.answers) == 1]
    assert one
    assert len(one) < len(found.documents)


def test_a_text_whose_image_is_past_the_fifth_place_is_a_mistake(tmp_path):
    simulate.save(*simulate.retrieval([1, 5, 6, 90], [1, 1], 2), tmp_path)
    (found,) = collect(load_all(tmp_path), tmp_path)
    assert {d.id: d.answers[0].text for d in found.documents} == {"t2": "rank 6", "t3": "rank 90"}
    assert {d.image_id for d in found.documents} == {"i1"}


def test_a_result_without_records_has_no_mistakes_to_show(two_models):
    bare = [dataclasses.replace(result, records=None) for result in load_all(two_models)]
    assert collect(bare, two_models) == []


def test_thumbnails_come_from_the_folder_that_was_measured(tmp_path):
    data = tmp_path / "data"
    for name, colour in (("cat", "red"), ("dog", "blue")):
        (data / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (300, 200), colour).save(data / name / f"{i}.png")
    from clipbench.datasets import Image as Sample
    from clipbench.datasets import open_dataset

    dataset = open_dataset(data)
    ids = [d.id for d in dataset.documents() if isinstance(d, Sample)]
    result, sidecar = simulate.classification(np.full(6, 2), classes=2, dataset=dataset.id)
    images = dataclasses.replace(sidecar.images, ids=tuple(ids))
    described = dataclasses.replace(result.dataset, source=str(data), split=dataset.split)
    result = dataclasses.replace(result, dataset=described)
    simulate.save(result, dataclasses.replace(sidecar, images=images), tmp_path / "results")
    found = load_all(tmp_path / "results")
    (shown,) = collect(found, tmp_path / "results", look=looking())
    assert len(shown.documents) == 6
    for document in shown.documents:
        small = Image.open(io.BytesIO(base64.b64decode(document.image.partition(",")[2])))
        assert small.size == (112, 75)


def test_data_that_are_gone_give_no_pictures(two_models):
    (found,) = collect(load_all(two_models), two_models, look=looking(two_models))
    assert all(document.image == "" for document in found.documents)


def test_what_is_no_image_has_no_thumbnail():
    assert data_uri(b"") == ""
    assert data_uri(b"GIF89a-damaged") == ""


def test_a_transparent_picture_stands_on_white():
    file = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(file, "PNG")
    shown = Image.open(io.BytesIO(base64.b64decode(data_uri(file.getvalue()).partition(",")[2])))
    assert shown.getpixel((5, 5))[0] > 250
