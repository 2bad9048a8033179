"""int8 on ONNX Runtime against float32 on PyTorch, end to end, with the quality that it costs.

    python -m benchmarks.int8 [--rounds N] [--images N] [--texts N]

Only on a processor that multiplies 8-bit integers (AVX-512 VNNI or AVX-VNNI); elsewhere it says so
and measures nothing: there the service refuses int8 unless it is forced. Quality is the score of
`clipbench run --data fashion_mnist` with each precision.
"""

from __future__ import annotations

import argparse
import tempfile
import uuid
from pathlib import Path

from docarray import Document

from benchmarks import environments, inputs, weights
from benchmarks.measure import Comparison, Sample, alternate, report
from benchmarks.sides import worker
from benchmarks.sides.processes import clipbench_server
from client.batches import Batch
from client.benchmark import Options, evaluate
from client.connection import Connection
from client.streaming import stream
from clipbench.contract import documents as contract
from clipbench.contract.endpoints import RETRIEVAL_TEXTS, Task, job_endpoint
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.models.speed import has_vnni

BAR = 1.8
RUNTIMES = {"int8": ModelOptions("bench", "int8", "onnx"), "float32": ModelOptions("bench")}


def run_job(connection: Connection, options: ModelOptions, kind: str, given: list) -> Sample:
    """A retrieval job of the inputs, with ids and content that no request before had."""
    import time

    spec = JobSpec(f"bench-{uuid.uuid4().hex}", Task.RETRIEVAL, options, "benchmark", "test")
    connection.request(job_endpoint(spec.task, "open"), (), spec.parameters())
    documents: list[Document] = []
    for n, content in enumerate(given):
        if kind == "text":
            documents.append(contract.text_document(str(n), n, f"{content} {spec.job[-4:]}", "0"))
        else:  # a JPEG may be followed by anything
            data = content + spec.job.encode()
            documents.append(contract.image_document(str(n), n, data, None))
    endpoint = RETRIEVAL_TEXTS if kind == "text" else job_endpoint(spec.task, "images")
    size = worker.BATCH
    batches = [Batch(endpoint, documents[i : i + size]) for i in range(0, len(documents), size)]
    started = time.perf_counter()
    for _ in stream(connection, batches, {"job": spec.job, **options.parameters()}):
        pass
    return Sample(time.perf_counter() - started, 1.0)


def compare(texts: int, images: int, rounds: int) -> list[Comparison]:
    """The two comparisons, and what int8 costs on the embedded data."""
    folder = str(inputs.write(environments.FOLDER / "inputs"))
    checkpoint = weights.checkpoint(environments.FOLDER / "weights")
    found = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(Path(scratch) / "state", checkpoint) as (_, address),
        Connection(address) as connection,
    ):
        for kind, count in (("text", texts), ("image", images)):
            given = worker.inputs(folder, kind, count)
            sides = [
                lambda o=options, k=kind, g=given: run_job(connection, o, k, g)
                for options in RUNTIMES.values()
            ]
            name = f"{kind}s, int8 on ONNX : float32 on PyTorch"
            comparison = alternate(name, *sides, count=count, rounds=rounds, bar=BAR)
            report([comparison])
            found.append(comparison)
        for precision, runtime in (("float32", "torch"), ("int8", "onnx")):
            options = Options(precision=precision, runtime=runtime)
            model = "ViT-mini-16-64::embedded"
            result = evaluate(model, "fashion_mnist", server=connection, options=options)
            print(f"  {model}, {precision}: top-1 {result.metrics['acc1']:.4f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    if not has_vnni():
        print("int8 against float32: not measured, this processor has no VNNI instructions")
        return
    compare(chosen.texts, chosen.images, chosen.rounds)


if __name__ == "__main__":
    main()
