"""`clipbench run` as a process of its own, and what a job left in the server's database."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clipbench import results
from clipbench.client import JobOptions, evaluate
from clipbench.client.journal import Journal
from clipbench.compare import Change, compare_paths
from tests.flow.flow_server import ROOT

COMMAND = [sys.executable, "-c", "from clipbench.client.main import run; run()"]


def clipbench(*arguments: str) -> subprocess.Popen[str]:
    """The command, running."""
    environment = {k: v for k, v in os.environ.items() if k[:10] != "CLIPBENCH_"}
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment | {"COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a signal of the test's goes to it alone
    )


def finished(process: subprocess.Popen[str], seconds: float = 240) -> str:
    """What a command printed that ended well."""
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output
    return output


def until_answered(folder: Path, documents: int, process: subprocess.Popen[str]) -> Journal:
    """The journal of the one job in `folder`, once that many documents have been answered."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, f"ended too early: {process.communicate()[0]}"
        for path in folder.glob("*.job.json"):
            journal = Journal.find(path) if "\n" in path.read_text() else None
            if journal and journal.answered >= documents:
                return journal
        time.sleep(0.01)
    raise AssertionError("the job did not come that far")


def killed_and_resumed(arguments: Sequence[str], folder: Path, documents: int) -> None:
    """`clipbench` with the arguments and `--out folder`, killed after so many documents, resumed.

    Its journal is there after the kill and gone at the end.
    """
    process = clipbench(*arguments, "--out", str(folder))
    until_answered(folder, documents, process)
    process.kill()
    process.communicate()
    assert list(folder.glob("*.job.json"))
    finished(clipbench(*arguments, "--out", str(folder), "--resume"))
    assert list(folder.glob("*.job.json")) == []


def essence(result: results.Result) -> dict[str, Any]:
    """What has to be the same however often the run was interrupted."""
    values = asdict(result)
    keep = ("metrics", "counts", "intervals", "near_ties", "per_class", "confused", "dataset")
    documents = {key: values["documents"][key] for key in ("counted", "refused", "truncated_texts")}
    return {name: values[name] for name in keep} | {"documents": documents}


def only_result(folder: Path) -> results.Result:
    """The one result in the folder."""
    (result,) = results.load_all(folder)
    return result


def stored(state: Path, job: str) -> str:
    """A digest of every row of a job, bits of embeddings and ranks included."""
    digest = hashlib.sha256()
    for task in ("classification", "retrieval"):
        with closing(sqlite3.connect(f"file:{state / task}.sqlite?mode=ro", uri=True)) as database:
            for row in _rows(database, job):
                digest.update(repr(row).encode())
    return digest.hexdigest()


def _rows(database: sqlite3.Connection, job: str) -> Iterator[tuple[Any, ...]]:
    columns = "kind, id, position, digest, labels, image_id, embedding, rank, best, near_tie"
    yield from database.execute(
        f"SELECT {columns} FROM documents WHERE job = (SELECT key FROM jobs WHERE id = ?) "
        "ORDER BY kind, position, id",
        (job,),
    )
    yield from database.execute(
        "SELECT class_index, template_index, digest, embedding FROM prompts "
        "WHERE job = (SELECT key FROM jobs WHERE id = ?) ORDER BY class_index, template_index",
        (job,),
    )


def evaluated(models: Sequence[str], data: Any, server: str, folder: Path, **options: Any) -> Path:
    """The folder, with the result of each model on the data."""
    for model in models:
        evaluate(model, data, server=server, options=JobOptions(folder=folder, **options))
    return folder


def result_of(folder: Path, model: str) -> results.Result:
    """The result of the model in a folder of one data set."""
    return next(r for r in results.load_all(folder) if r.model.name == model)


def compared(folder: Path, before: str, after: str, scratch: Path) -> dict[str, Change]:
    """The changes by measure from one model of the folder to another."""
    for model, name in ((before, "before"), (after, "after")):
        result = result_of(folder, model)
        (scratch / name).mkdir()
        for file in (results.file_name(result), str(result.records)):
            (scratch / name / file).write_bytes((folder / file).read_bytes())
    (comparison,) = compare_paths(scratch / "before", scratch / "after")
    return {change.metric: change for change in comparison.changes}
