"""Own judgements: from a qrels file and from a column, in a folder and at an address."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipbench.contract import Reason
from clipbench.datasets import Image, Inventory, Text, Unreadable, convert, open_dataset, verify
from clipbench.errors import DataError, InvalidRequest
from tests.datasets import building, serving
from tests.datasets.building import png, write

GRADES = {"a red car": {0: 2, 1: 1, 2: 0}, "a dog": {1: 3}}
IMAGES = {f"images/{n}.png": png(n) for n in range(4)}
TREC = "q1 0 0.png 2\nq1 0 1 1\nq1\t0\timages/2.png\t0\nq2 0 1.png 3\n"
QUERIES = "id\ttext\nq1\ta red car\nq2\ta dog\n"
ROWS = """query,image,relevance
a red car,0.png,2
a red car,1.png,1
a red car,2.png,0
a dog,1.png,3
,3.png,
"""


def judged(dataset):
    """The grades of each text by the number of the image, and the documents."""
    documents = list(dataset.documents())
    number = {
        d.id: next(n for n in range(8) if png(n) == d.data)
        for d in documents
        if isinstance(d, Image)
    }
    texts = [d for d in documents if isinstance(d, Text)]
    return {t.text: {number[i]: g for i, g in t.judgements} for t in texts}, documents


def parquet(folder):
    rows = {
        "image": [{"bytes": png(n), "path": None} for n in range(4)],
        "caption": [["a red car"], ["a red car", "a dog"], ["a red car"], None],
        "relevance": [[2], [1, 3], [0], None],
    }
    folder.mkdir()
    pq.write_table(pa.table(rows), folder / "test-00000-of-00001.parquet")
    return folder


def shards(folder):
    shard = building.tar([(f"{n}.png", png(n)) for n in range(4)])
    building.wds(folder, [shard], kind="judged")
    return write(folder, {"qrels.txt": TREC.replace("images/", ""), "queries.tsv": QUERIES})


WAYS = {
    "images": lambda d: write(d, {**IMAGES, "qrels.txt": TREC, "queries.tsv": QUERIES}),
    "beir": lambda d: write(
        d,
        {
            **IMAGES,
            "qrels.tsv": "query-id\tcorpus-id\tscore\nq1\t0\t2\nq1\t1\t1\nq1\t2\t0\nq2\t1\t3\n",
            "queries.jsonl": '{"_id": "q1", "text": "a red car"}\n{"_id": "q2", "text": "a dog"}\n',
        },
    ),
    "captions of a table": lambda d: write(
        d,
        {
            **IMAGES,
            "captions.csv": "image,caption\n0.png,a red car\n1.png,a dog\n2.png,\n3.png,another\n",
            "qrels.txt": TREC.replace("q1", "0.png#0").replace("q2", "1.png#0"),
        },
    ),
    "column of a table": lambda d: write(d, {**IMAGES, "judged.csv": ROWS}),
    "parquet": parquet,
    "shards": shards,
}


@pytest.mark.parametrize("way", WAYS)
def test_judgements_are_the_same_however_they_are_written(tmp_path, way):
    dataset = open_dataset(WAYS[way](tmp_path / "mine"))
    assert dataset.judged
    found, documents = judged(dataset)
    assert found == GRADES
    images = [d for d in documents if isinstance(d, Image)]
    assert len(images) == 4
    assert [d.index for d in documents if isinstance(d, Text)] == list(range(len(found)))
    assert all(d.labels is None and not d.judgements for d in images)
    assert judged(dataset)[1] == documents


def test_shards_at_an_address_have_their_judgements_beside_them(tmp_path):
    shards(tmp_path / "there")
    with serving.serving(tmp_path / "there") as server:
        dataset = open_dataset(server.url, root=tmp_path / "kept")
        assert judged(dataset)[0] == GRADES


def test_an_image_may_look_for_other_images_and_never_for_itself(tmp_path):
    qrels = "0.png 0 0.png 1\n0.png 0 1.png 2\n0.png 0 3.png 0\n"
    dataset = open_dataset(write(tmp_path, {**IMAGES, "qrels.txt": qrels}))
    images = [d for d in dataset.documents() if isinstance(d, Image)]
    assert images[0].judgements == (("images/1.png", 2), ("images/3.png", 0))
    assert not any(d.judgements for d in images[1:])


def test_what_is_wrong_in_the_files_is_said_line_by_line(tmp_path):
    qrels = "q1 0 0.png 1\nq1 0 1.png high\nq1 0 0.png 2\nq1 0\nq9 0 1.png 1\nq1 0 gone.png 1\n"
    queries = "q1\ta red car\nq3\tnobody asked\n"
    dataset = open_dataset(write(tmp_path, {**IMAGES, "qrels.txt": qrels, "queries.tsv": queries}))
    inventory = Inventory()
    documents = list(dataset.documents(inventory))
    bad = [d for d in documents if isinstance(d, Unreadable)]
    assert [(d.reason, d.source) for d in bad] == [
        (Reason.JUDGEMENT_INVALID, "qrels.txt line 2"),
        (Reason.JUDGEMENT_INVALID, "qrels.txt line 3"),
        (Reason.JUDGEMENT_INVALID, "qrels.txt line 4"),
        (Reason.MEMBER_MISSING, "qrels.txt q9"),
    ]
    (text,) = [d for d in documents if isinstance(d, Text)]
    assert text.judgements == (("gone.png", 1), ("images/0.png", 1))
    assert "a query without judgements" in str(inventory)
    assert "2 × judgements" in str(inventory)


def test_a_bad_grade_of_a_table_is_refused_with_its_row(tmp_path):
    rows = ROWS + "a dog,2.png,often\na dog,1.png,1\n"
    dataset = open_dataset(write(tmp_path, {**IMAGES, "judged.csv": rows}))
    found, documents = judged(dataset)
    assert found == GRADES
    refused = [d for d in documents if isinstance(d, Unreadable)]
    assert [d.reason for d in refused] == [Reason.JUDGEMENT_INVALID] * 2
    assert "'often'" in " ".join(d.detail for d in refused)


def test_verify_counts_what_a_run_would_count(tmp_path):
    qrels = "q1 0 0.png 1\nq1 0 gone.png 1\nq2 0 gone.png 1\nq3 0 broken.png 2\nq4 0 1.png 0\n"
    queries = "q1\tone\nq2\ttwo\nq3\tthree\nq4\tfour\n"
    files = {**IMAGES, "broken.png": b"no image", "qrels.txt": qrels, "queries.tsv": queries}
    found = verify(open_dataset(write(tmp_path / "bad", files)))
    assert (found.found.images, found.found.captions) == (4, 2)
    assert found.faults_by_reason == {
        Reason.NOT_AN_IMAGE: 1,
        Reason.IMAGE_MISSING: 1,
        Reason.IMAGE_REFUSED: 1,
    }
    assert found.problem is None
    good = verify(open_dataset(WAYS["images"](tmp_path / "good")))
    assert good.ok
    assert good.sha256 == verify(open_dataset(tmp_path / "good")).sha256
    changed = write(tmp_path / "good", {"qrels.txt": TREC.replace("1.png 3", "1.png 2")})
    assert verify(open_dataset(changed)).sha256 != good.sha256
    nothing = write(tmp_path / "good", {"qrels.txt": "q1 0 0.png 0\n"})
    assert "no query" in verify(open_dataset(nothing)).problem


def test_what_cannot_be_done_with_judgements_is_refused(tmp_path):
    folder = WAYS["images"](tmp_path / "mine")
    with pytest.raises(InvalidRequest, match="no sample"):
        open_dataset(folder, sample=2)
    with pytest.raises(InvalidRequest, match="judgements"):
        convert(open_dataset(folder), tmp_path / "out")
    empty = write(tmp_path / "empty", {**IMAGES, "qrels.txt": "q1 0 0.png much\n"})
    with pytest.raises(DataError, match="no judgement"):
        open_dataset(empty)
    twice = {**IMAGES, "qrels.txt": TREC, "queries.tsv": "q1\tone\nq1\ttwo\n"}
    with pytest.raises(DataError, match="twice"):
        open_dataset(write(tmp_path / "twice", twice))
