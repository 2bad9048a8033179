"""Everything that a client sends has a largest size, a largest number or a rate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from docarray import Document

from clipbench.contract.documents import (
    class_document,
    image_document,
    prompt_document,
    text_document,
)
from clipbench.errors import InvalidRequest, TooLarge, Unavailable
from tests.flow.jobs import TAG, SmallJob, reasons
from tests.flow.pictures import bomb, png


def test_a_request_has_a_largest_size(as_, guarded):
    documents = [Document(blob=bytes(900_000)) for _ in range(4)]
    with pytest.raises(TooLarge, match="limit is 3000000"):
        as_("encode").request("/encode", documents)
    with pytest.raises(TooLarge):  # the transport's own limit: the message is not even read
        as_("encode").request("/encode", [Document(blob=bytes(5_000_000))])
    with guarded.http("encode") as http:
        assert http.post("/post", content=bytes(5_000_000)).status_code == 413
        assert http.post("/post", content=iter([b"{}"])).status_code == 411


def test_a_request_has_a_largest_number_of_documents(as_, retrieval):
    with pytest.raises(TooLarge, match="limit is 64"):
        as_("encode").request("/encode", [Document(text="a") for _ in range(65)])
    with pytest.raises(TooLarge, match="limit is 64"):
        retrieval.send("texts", [text_document("a", 0, "a", "b")] * 65)
    paths = {"access_paths": "@" + ",".join("r" * 50)}
    with pytest.raises(TooLarge, match="limit is 64"):
        as_("encode").request("/encode", [Document(text="a"), Document(text="b")], paths)
    with pytest.raises(InvalidRequest, match="256 characters"):
        as_("encode").request("/encode", [], {"access_paths": "@" + ",".join("r" * 5000)})


def test_an_image_has_a_largest_size_in_bytes_and_in_pixels(as_, retrieval):
    sent = [
        image_document("bomb", 0, bomb(), None),
        image_document("large", 1, bytes(1_000_001), None),
    ]
    refused = {"bomb": "image_too_large", "large": "image_too_large"}
    assert reasons(retrieval.send("images", sent)) == refused
    answer = as_("encode").request("/encode", [Document(blob=bomb()), Document(text="a")], TAG)
    assert answer[0].tags["refused"]["reason"] == "image_too_large"
    assert answer[1].embedding is not None


def test_a_text_and_an_id_have_a_largest_size(as_, retrieval):
    sent = [
        text_document("t", 0, "x" * 2001, "a"),
        text_document("i" * 513, 1, "a", "a"),
        text_document("n\0n", 2, "a", "a"),
    ]
    found = list(reasons(retrieval.send("texts", sent)).values())
    assert found == ["text_too_large", "id_invalid", "id_invalid"]
    answer = as_("encode").request("/encode", [Document(text="x" * 2001)], TAG)
    assert answer[0].tags["refused"]["reason"] == "text_too_large"


def test_a_job_has_a_largest_number_of_classes_and_of_prompts(as_, job_id):
    job = SmallJob(as_("submit"), "classification", job_id)
    with pytest.raises(TooLarge, match="50 classes"):
        job.open(names=[str(i) for i in range(51)])
    with pytest.raises(TooLarge, match="60 prompts"):
        job.open(names=[str(i) for i in range(40)], templates=2)
    documents = [class_document(0, "only one")]
    parameters = {**job.options, "dataset": "d", "split": "s", "classes": 2, "templates": 1}
    with pytest.raises(InvalidRequest, match="class names"):
        as_("submit").request("/classification/open", documents, parameters)
    job.open()
    with pytest.raises(InvalidRequest, match="declares 6 classes"):
        job.send("prompts", [prompt_document(6, 0, "a")])
    job.delete()


def test_a_job_has_a_largest_number_of_documents(retrieval):
    def texts(start):
        return [text_document(f"{i}", i, f"t{i}", "a") for i in range(start, start + 11)]

    assert retrieval.send("texts", texts(0)).counted == 11
    with pytest.raises(TooLarge, match="at most 20 documents"):
        retrieval.send("texts", texts(11))


def until_refused(jobs, reason, **parameters):
    """Open the jobs until the server refuses one for `reason`; those made, deleted again."""
    made = []
    try:
        for job in jobs:
            job.open(**parameters)
            made.append(job)
    except TooLarge as error:
        assert reason in str(error)  # noqa: PT017 - the jobs before it are opened as well
    else:
        pytest.fail("every job was opened")
    finally:
        for job in made:
            job.delete()
    return made


def test_the_server_holds_a_largest_number_of_jobs(as_, job_id):
    jobs = [SmallJob(as_("other"), "classification", f"{job_id}-{i}") for i in range(31)]
    made = until_refused(jobs, "delete some")
    assert len(made) <= 30


def test_the_state_on_disk_has_a_largest_size(as_, job_id):
    fat = {str(i): "x" * 4096 for i in range(60)}
    jobs = [SmallJob(as_("other"), "retrieval", f"{job_id}-{i}") for i in range(25)]
    until_refused(jobs, "the limit is 2000000", provenance=fat)
    again = SmallJob(as_("other"), "retrieval", job_id)
    again.open()  # there is room again
    again.delete()


def test_parameters_are_no_place_for_bulk(as_, job_id):
    job = SmallJob(as_("submit"), "retrieval", job_id)
    for changes in (
        {"dataset": "x" * 5000},
        {"provenance": {str(i): "x" for i in range(100)}},
        {"cutoffs": list(range(1, 100))},
        {"cutoffs": [float("nan")]},
        {"expected_images": float("inf")},
        {"classes": -1},
    ):
        with pytest.raises(InvalidRequest):
            job.open(**changes)


def test_requests_at_a_time_are_bounded(guarded):
    """One is worked on and sixteen wait; the others are told so at once."""
    documents = [Document(blob=png(i)) for i in range(32)]

    def ask(_number):
        with guarded.connect("admin") as connection:
            try:
                return len(connection.request("/encode", documents))
            except Unavailable as error:
                return str(error)

    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(ask, range(40)))
    assert 32 in answers
    refused = [answer for answer in answers if isinstance(answer, str)]
    assert refused
    assert all("wait already" in answer for answer in refused)


def test_a_token_has_a_rate_and_another_token_its_own(as_):
    with pytest.raises(Unavailable, match="50 requests a second"), ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: as_("fast").request("/models"), range(600)))
    assert as_("encode").request("/models")
