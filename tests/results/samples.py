"""Result and statistics values that tests start from."""

from clipbench.encode_settings import EncodeSettings
from clipbench.results import (
    Confused,
    Documents,
    Environment,
    Latency,
    MeasuredData,
    Model,
    PerClass,
    Result,
    Run,
    Saturation,
    Statistics,
    Subset,
    Task,
)

MODEL = Model(
    name="ViT-mini-16-64::embedded",
    architecture="ViT-mini-16-64",
    pretrained="embedded",
    checkpoint_sha256="ab" * 32,
    checkpoint_bytes=16_000_000,
    image_size=64,
    mean=(0.48, 0.46, 0.41),
    std=(0.27, 0.26, 0.28),
    context_length=77,
    tokenizer="clip",
    embed_dim=256,
    licence="Apache-2.0",
)
SETTINGS = EncodeSettings(activation="gelu", interpolation="bicubic")
RUN = Run("cpu", "AMD EPYC", 64, "grpc://127.0.0.1:51000")
SERVER = Environment({"torch": "2.10.0"}, "3.11.2", "Linux", "AMD EPYC", "ab" * 20)
CLIENT = Environment({}, "3.13.0", "macOS", "Apple M3", "ab" * 20)

CLASSIFICATION = Result(
    job="job-1",
    created="2026-11-24T09:00:00Z",
    model=MODEL,
    settings=SETTINGS,
    run=RUN,
    dataset=MeasuredData(
        id="fashion_mnist",
        split="test",
        task=Task.CLASSIFICATION,
        images=1000,
        classes=2,
        prompts=4,
        templates=("a photo of a {c}.", "a drawing of a {c}."),
        prompts_sha256="cd" * 32,
        data_sha256="ef" * 32,
        source="clipbench/embedded",
        duplicate_images=3,
        sample=Subset(1000, 7),
    ),
    documents=Documents(998, 2, {"image_damaged": 2}, 5, 1),
    metrics={"acc1": 0.875, "mean_per_class_recall": 0.87, "chance": 0.5, "majority": 0.6},
    counts={"acc1": (873, 998)},
    intervals={"acc1": (0.85, 0.89)},
    per_class=(PerClass(0, "shirt", 600, 530), PerClass(1, "<b>bag</b>", 398, 343)),
    confused=(Confused(0, 1, 70), Confused(1, 0, 55)),
    timings={"encode_images": 12.5},
    server=SERVER,
    client=CLIENT,
)

RETRIEVAL = Result(
    job="job-2",
    created="2026-11-24T09:05:00Z",
    model=MODEL,
    settings=SETTINGS,
    run=RUN,
    dataset=MeasuredData("emoji", "test", Task.RETRIEVAL, images=1636, texts=1636),
    documents=Documents(3272),
    metrics={
        "text_to_image_recall@5": 0.53,
        "image_to_text_recall@5": 0.43,
        "mean_recall@5": 0.48,
    },
    counts={"text_to_image_recall@5": (867, 1636)},
    intervals={"text_to_image_recall@5": (0.505, 0.555)},
    server=SERVER,
    client=CLIENT,
)

STATISTICS = Statistics(
    model=MODEL,
    settings=SETTINGS,
    run=RUN,
    created="2026-11-24T09:10:00Z",
    disk_bytes=16_000_000,
    peak_ram_bytes=120_000_000,
    text_qps=900.5,
    image_qps=410.0,
    text_saturation=Saturation(1200.0, 16, (1190.0, 1230.0)),
    image_saturation=Saturation(500.0, 64, (490.0, 505.0), reached=False),
    text_latency=Latency(0.01, 0.02, 0.03, 100),
    image_latency=Latency(0.02, 0.03, 0.05, 100),
    concurrency=1,
    batch_size=8,
    repeats=3,
    spread={"text_qps": (880.0, 910.0)},
    server=SERVER,
    client=CLIENT,
)
