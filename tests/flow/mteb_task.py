"""Zero-shot classification by MTEB's endpoint wrapper, in MTEB's own environment.

python -m tests.flow.mteb_task: reads {"url", "model", "images" (base64), "labels", "prompts"} from
standard input, and prints {"accuracy"}.
"""

from __future__ import annotations

import base64
import io
import json
import sys

import mteb
from datasets import Dataset, DatasetDict
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.abstasks.zeroshot_classification import AbsTaskZeroShotClassification
from mteb.models import OpenAIAPIEncodeWrapper
from PIL import Image


def task(given):
    """A task over these images."""

    class Made(AbsTaskZeroShotClassification):
        metadata = TaskMetadata(
            name="MadeZeroShot",
            description="Pictures that the test made.",
            dataset={"path": "made/here", "revision": "1"},
            type="ZeroShotClassification",
            category="i2t",
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="accuracy",
            modalities=["text", "image"],
        )

        def load_data(self, *_, **__):
            images = [Image.open(io.BytesIO(base64.b64decode(data))) for data in given["images"]]
            columns = {"image": images, "label": given["labels"]}
            self.dataset = DatasetDict({"test": Dataset.from_dict(columns)})
            self.data_loaded = True

        def get_candidate_labels(self):
            return given["prompts"]

    return Made()


def main():
    given = json.load(sys.stdin)
    model = OpenAIAPIEncodeWrapper(given["url"], given["model"], modalities=["text", "image"])
    found = mteb.evaluate(model, task(given), cache=None, co2_tracker=False)
    (scores,) = found.task_results[0].scores["test"]
    json.dump({"accuracy": scores["accuracy"]}, sys.__stdout__)


if __name__ == "__main__":
    sys.stdout = sys.stderr
    main()
