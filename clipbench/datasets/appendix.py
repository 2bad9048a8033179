"""Descriptions of the data sets: the appendix of the published page, and its advice."""

from __future__ import annotations

from collections.abc import Iterator

from clipbench.datasets.registry import DatasetInfo, all_datasets, groups


def describe(info: DatasetInfo) -> str:
    """A data set in Markdown: what it shows, its size, source, licence and traps."""
    return "\n".join(_lines(info))


def appendix() -> str:
    """All data sets by group, in the order of the published page, in Markdown."""
    parts = []
    for group in groups():
        parts.append(f"## {group.title}\n\n{group.summary}")
        parts += [f"### {describe(info)}" for info in all_datasets() if info.group == group.name]
    return "\n\n".join(parts) + "\n"


def _lines(info: DatasetInfo) -> Iterator[str]:
    yield f"{info.name} (`{info.id}`)"
    yield ""
    yield info.summary
    yield ""
    for name, split in info.splits.items():
        images = f"{split.images:,} images" if split.images else "number of images not certain"
        captions = f", {split.captions:,} captions" if split.captions else ""
        yield f"- Split {name}: {images}{captions}"
    if info.classes:
        plural = "" if info.templates == 1 else "s"
        prompts = f", {info.templates} prompt template{plural}" if info.templates else ""
        yield f"- {info.classes:,} classes{prompts}"
    if info.published:
        yield f"- Published column: {info.published.metric} on split {info.published.split}"
    if info.files:
        yield f"- Files: {', '.join(info.files)} of {info.repository} on the Hugging Face hub"
    elif info.repository:
        yield f"- Copy in the wds layout: {info.repository} on the Hugging Face hub"
    yield f"- Source: {info.citation}; <{info.link}>"
    yield f"- Licence: {info.licence or 'not known for certain, look it up before use'}"
    for trap in info.traps:
        yield f"- Mind: {trap}"
