"""Drives infinity's server over HTTP: python infinity_side.py URL MODEL INPUTS."""

import base64
import sys
from concurrent.futures import ThreadPoolExecutor

import requests
import worker  # beside this file: the peer has no package of ours


def main(url: str, model: str, folder: str) -> None:
    session = requests.Session()

    def send(kind: str, part: list) -> int:
        if kind == "image":
            part = ["data:image/jpeg;base64," + base64.b64encode(x).decode() for x in part]
        body = {"model": model, "input": part, "modality": kind, "encoding_format": "base64"}
        answer = session.post(f"{url}/embeddings", json=body, timeout=600)
        answer.raise_for_status()
        rows = answer.json()["data"]
        return sum(len(base64.b64decode(row["embedding"])) > 0 for row in rows)

    def run(kind: str, given: list) -> int:
        size = worker.BATCH
        parts = [given[start : start + size] for start in range(0, len(given), size)]
        with ThreadPoolExecutor(worker.IN_FLIGHT) as threads:
            return sum(threads.map(lambda part: send(kind, part), parts))

    worker.serve(folder, run)


if __name__ == "__main__":
    main(*sys.argv[1:])
