"""Batches through a connection: a bounded window, the order of sending, halves."""

from __future__ import annotations

import itertools
import time

import pytest

from clipbench.client.batches import Batch
from clipbench.client.connection import Connection
from clipbench.client.streaming import stream
from clipbench.contract.batches import BatchOutcome
from clipbench.contract.documents import JobDocument, image_document
from clipbench.contract.limits import Limits
from clipbench.contract.packing import unpack
from clipbench.errors import InvalidRequest
from tests.client.servers import holding, refusing, serving


def sent_to(request):
    """The documents of the packed batch."""
    return unpack(request.docs, Limits())


def counted(request, _context=None):
    """Every document of the packed batch is counted."""
    return holding(BatchOutcome(len(sent_to(request)), 0).pack())


def batches(count, size=3):
    for number in range(count):
        documents = [JobDocument(f"{number}-{i}", b"x", {}) for i in range(size)]
        yield Batch("/x", documents)


def test_outcomes_come_in_the_order_of_sending():
    turns = itertools.count()

    def uneven(request, context):
        time.sleep(0.05 if next(turns) % 3 == 0 else 0)
        return counted(request)

    sizes = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
    sent = (Batch("/x", [JobDocument("a", b"x", {})] * size) for size in sizes)
    with serving(uneven) as (address, _), Connection(address) as connection:
        found = [outcome.counted for outcome in stream(connection, sent, {})]
    assert found == sizes


@pytest.mark.parametrize("window", [1, 2, 5])
def test_no_more_batches_are_read_than_the_window_holds(window):
    read = []

    def slow(request, context):
        time.sleep(0.02)
        return counted(request)

    def reading():
        for batch in batches(20):
            read.append(batch)
            yield batch

    ahead = []
    with serving(slow) as (address, seen), Connection(address) as connection:
        for done, _ in enumerate(stream(connection, reading(), {}, in_flight=window)):
            ahead.append(len(read) - done)
    assert len(ahead) == 20
    assert max(ahead) == window
    assert seen.at_a_time <= window


def test_a_batch_is_let_go_once_it_is_answered():
    sent = list(batches(5))
    with serving(counted) as (address, _), Connection(address) as connection:
        for done, _ in enumerate(stream(connection, sent, {})):
            assert sent[done].documents == []


def limited(most):
    """A server that takes only so many documents."""

    def answer(request, context):
        if len(sent_to(request)) > most:
            return refusing("TooLarge", f"more than {most}")
        return counted(request)

    return answer


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_batch_that_is_too_large_goes_in_halves(most):
    with serving(limited(most)) as (address, _), Connection(address) as connection:
        (outcome,) = stream(connection, batches(1, size=13), {})
    assert outcome.counted == 13


def test_one_document_that_no_request_can_hold_is_refused_and_the_others_are_counted():
    def small(request, context):
        if any(len(document.content) > 9 for document in sent_to(request)):
            return refusing("TooLarge", "the limit is 9 bytes")
        return counted(request)

    contents = [b"x" * (10 * (i == 2) or 1) for i in range(5)]
    documents = [JobDocument(f"d{i}", content, {"index": i}) for i, content in enumerate(contents)]
    with serving(small) as (address, _), Connection(address) as connection:
        (outcome,) = stream(connection, [Batch("/retrieval/texts", documents)], {})
    assert outcome.counted == 4
    (refused,) = outcome.too_large
    assert (refused.id, refused.index, refused.kind) == ("d2", 2, "text")
    assert (refused.reason, refused.detail) == ("text_too_large", "the limit is 9 bytes")


def test_what_the_transport_refuses_goes_in_halves_too(flow):
    """Over a real gateway, whose limit on a message is the transport's."""
    from tests.conftest import MODEL
    from tests.flow.jobs import SmallJob

    with Connection(flow.address) as connection:
        job = SmallJob(connection, "retrieval", "too-large-for-the-transport")
        job.open()
        documents = [image_document(str(i), i, bytes(1_500_000), None) for i in range(8)]
        documents.insert(3, image_document("huge", 8, bytes(9_000_000), None))
        batch = Batch("/retrieval/images", documents)
        (outcome,) = stream(connection, [batch], {"job": job.job, "model": MODEL})
    (huge,) = outcome.too_large
    assert (huge.id, huge.index, huge.reason) == ("huge", 8, "image_too_large")
    assert outcome.counted == 0
    assert {str(refusal.reason) for refusal in outcome.refused} == {"not_an_image"}
    assert len(outcome.refused) == 8


def test_a_refused_batch_ends_the_stream_after_what_is_in_flight():
    turns = itertools.count()

    def third_fails(request, context):
        return refusing("InvalidRequest", "no") if next(turns) == 2 else counted(request)

    with serving(third_fails) as (address, seen), Connection(address) as connection:
        outcomes = stream(connection, batches(50), {}, in_flight=1)
        assert [next(outcomes).counted for _ in range(2)] == [3, 3]
        with pytest.raises(InvalidRequest):
            next(outcomes)
        assert seen.requests == 3
