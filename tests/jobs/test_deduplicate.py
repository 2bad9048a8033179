"""Which document keeps an id, whatever order the documents come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clipbench.contract import Reason
from clipbench.jobs.deduplicate import claim, deduplicate

rows = st.fixed_dictionaries(
    {
        "id": st.sampled_from("abc"),
        "position": st.integers(0, 4),
        "digest": st.sampled_from("xyz"),
        "labels": st.sampled_from(["[0]", "[1]"]),
        "image_id": st.sampled_from(["", "i"]),
        "groups": st.sampled_from(["", "{}"]),
    }
)


class Shelf:
    """A job's documents as the store keeps them: deduplicated batch by batch."""

    def __init__(self):
        self.stored, self.refused = {}, set()

    def add(self, batch):
        deduplicated = deduplicate(batch, self.stored)
        for id_ in deduplicated.displaced:
            del self.stored[id_]
        assert not set(deduplicated.accepted) & set(self.stored)
        self.stored |= {id_: claim(row) for id_, row in deduplicated.accepted.items()}
        self.refused |= {(refusal.id, position) for position, refusal in deduplicated.clashes}
        added = len(deduplicated.accepted) - len(deduplicated.displaced)
        assert added + deduplicated.repeated <= len(batch)
        return deduplicated


def shelved(batches):
    shelf = Shelf()
    for batch in batches:
        shelf.add(batch)
    return shelf.stored, shelf.refused


@given(st.lists(rows, max_size=12), st.randoms(use_true_random=False), st.integers(1, 5))
def test_neither_order_nor_batches_nor_repetition_matter(documents, random, size):
    once = shelved([documents])
    shuffled = documents * 2
    random.shuffle(shuffled)
    again = shelved(shuffled[i : i + size] for i in range(0, len(shuffled), size))
    assert once == again


@given(st.lists(rows, max_size=12))
def test_the_smallest_claim_keeps_the_id_and_the_others_are_refused(documents):
    stored, refused = shelved([documents])
    for id_ in {row["id"] for row in documents}:
        claims = sorted({claim(row) for row in documents if row["id"] == id_})
        assert stored[id_] == claims[0]
        assert {position for name, position in refused if name == id_} == {
            position for position, *_ in claims[1:]
        }


@given(st.lists(rows, min_size=1, max_size=12))
def test_a_batch_that_comes_again_is_only_repeated(documents):
    shelf = Shelf()
    shelf.add(documents)
    before = dict(shelf.stored), set(shelf.refused)
    deduplicated = shelf.add(documents)
    assert deduplicated.accepted == {}
    assert (shelf.stored, shelf.refused) == before
    assert all(refusal.reason is Reason.DUPLICATE_ID for _, refusal in deduplicated.clashes)
