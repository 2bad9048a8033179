"""Explains a result in words: how its numbers came about, and what would change them."""

from __future__ import annotations

from collections.abc import Iterator

from clipbench.encode_settings import Activation, Convert, Normalisation
from clipbench.metrics import CHANCE, MAJORITY, chance_of, headlines, principal
from clipbench.metrics.measures import Shares
from clipbench.reference import SCORES_PRECISION, TableName, published, spelling
from clipbench.report import by_group, few_labels, reliability
from clipbench.report.explain_statistics import ran
from clipbench.report.notes import INEXACT_DECODING, of_origin
from clipbench.report.sections import SECTIONS
from clipbench.report.sources import own_columns, shown_in
from clipbench.results import MeasuredData, Result, Task


def explain(result: Result) -> str:
    """Paragraphs on the data, the model, the measures, how sure they are, and what would change."""
    if not result.metrics:
        nothing = "Nothing could be scored. The records beside the file list every document."
        return f"{_data(result)}\n\n{nothing}"
    further = by_group.words, few_labels.words, reliability.words
    parts = _data, _model, _measure, _sure, *further, _published, _changes
    return "\n\n".join(filter(None, (part(result) for part in parts)))


def _data(result: Result) -> str:
    data, documents = result.dataset, result.documents
    if not data.images and not documents.refused:
        return f"{data.id}, split {data.split}; the result was imported and states no counts."
    what = f"{data.images:,} images"
    if data.task is Task.RETRIEVAL:
        what += f" and {data.texts:,} texts"
        what += f" with {data.judgements:,} judgements" if data.judgements else ""
        what += f" in {data.comparisons:,} comparisons" if data.comparisons else ""
    elif data.classes:
        what += f" in {data.classes:,} classes"
    part = f", a seeded sample (seed {data.sample.seed})" if data.sample else ""
    said = [f"{data.id}, split {data.split}: {what}{part}."]
    if data.language:
        kind = "captions" if data.task is Task.RETRIEVAL else "class names and prompts"
        said.append(f"The {kind} are in the language {data.language}.")
    if documents.refused:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in documents.refused_by_reason.items())
        said.append(
            f"{documents.refused:,} documents were refused ({reasons}) and are in no score; "
            f"{documents.counted:,} were counted."
        )
    else:
        said.append("Every document was counted.")
    if data.judgements_missing:
        said.append(
            f"{data.judgements_missing:,} judgements name images that are not there or were "
            "refused, and are left out."
        )
    if data.comparisons_missing:
        said.append(
            f"{data.comparisons_missing:,} comparisons lack a document that was refused or never "
            "came, and are left out."
        )
    for n, kind in ((data.duplicate_images, "images"), (data.duplicate_texts, "texts")):
        if n:
            said.append(f"{n:,} {kind} are duplicates of others.")
    return " ".join(said)


def _model(result: Result) -> str:
    model, run, settings = result.model, result.run, result.settings
    if model.origin:
        return f"{of_origin(model.origin)}{_rates(result)}"
    said = [f"{ran(result)}."]
    if run.runtime_difference is not None:
        said.append(
            f"Its exported graph differed from PyTorch's float32 embeddings by "
            f"{run.runtime_difference:.1g}, relative, when it was made."
        )
    if model.image_size:
        resized = f"Images were resized to {model.image_size} pixels"
        said.append(
            f"{resized} ({settings.interpolation})." if settings.interpolation else f"{resized}."
        )
    if inexact := INEXACT_DECODING.get(settings.decoding):
        said.append(inexact)
    if settings.activation:
        said.append(f"Its activation is {settings.activation}.")
    if settings.normalisation is Normalisation.OPENAI:
        said.append("Pixels were normalised with OpenAI's mean and deviation, not its own.")
    if settings.convert is Convert.BEFORE:
        said.append("Images became RGB before they were resized, as in CLIP_benchmark.")
    if model.checkpoint_sha256:
        said.append(f"Weights: SHA-256 {model.checkpoint_sha256[:12]}….")
    if result.documents.truncated_texts and model.context_length:
        said.append(
            f"{result.documents.truncated_texts:,} texts were longer than {model.context_length} "
            "tokens and were cut off."
        )
    return " ".join(said)


def _rates(result: Result) -> str:
    """What an endpoint gave a second."""
    found = result.throughput
    if found is None:
        return ""
    pairs = (("images", found.images, found.image_qps), ("texts", found.texts, found.text_qps))
    told = [f"{qps:,.1f} {what} a second (of {n:,})" for what, n, qps in pairs if qps]
    if not told:
        return ""
    return f" It gave {' and '.join(told)}, with at most {found.concurrency} requests at a time."


def _measure(result: Result) -> str:
    own = [s.words for s in SECTIONS if s.words and shown_in(result, s.name)]
    if own and not shown_in(result, TableName(result.dataset.task)):
        return " ".join(own) + _headline(result)
    if result.dataset.task is Task.RETRIEVAL:
        return (
            "Embeddings were normalised and every text compared with every image. Recall@K from "
            "text to image counts a text whose own image is among the K best; from image to text "
            "an image of whose own texts any is among the K best (any-hit)." + _headline(result)
        )
    prompts = _prompts(result.dataset)
    return (
        f"{prompts} An image is given the class whose vector has the highest cosine to its own."
        + _headline(result)
    )


def _prompts(data: MeasuredData) -> str:
    n = len(data.templates)
    if n == 1:
        return f"Each class became one prompt, {data.templates[0]!r}."
    example = f", such as {data.templates[0]!r}" if data.templates else ""
    many = f"{n:,} prompts{example}" if n else "its prompts"
    return f"Each class became {many}; its vector is the normalised mean of theirs."


def _headline(result: Result) -> str:
    said = []
    for figure in headlines(result.metrics, result.dataset.task):
        if figure.reads is Shares:
            continue  # `few_labels.words` tells them
        name = str(figure)
        hits = result.counts.get(name)
        fraction = f" ({hits[0]:,} of {hits[1]:,})" if hits else ""
        said.append(f"{name} is {result.metrics[name]:.4f}{fraction}")
    return f" {'; '.join(said)}." if said else ""


def _sure(result: Result) -> str:
    said = []
    first = principal(result.metrics, result.dataset.task)
    if first and str(first) in result.intervals:
        low, high = (first.measure.text(end) for end in result.intervals[str(first)])
        drawn = "queries" if result.dataset.judgements else "images"
        said.append(
            f"With other {drawn} of the same kind {first} would lie between {low} and {high} "
            f"(95 %, bootstrap over {drawn})."
        )
    chance, majority = result.metrics.get(CHANCE), result.metrics.get(MAJORITY)
    chance = chance_of(result.metrics, str(first)) if chance is None else chance
    if chance is not None:
        beside = f", naming the most frequent class {majority:.3f}" if majority is not None else ""
        said.append(f"Guessing would score {chance:.3f}{beside}.")
        score = result.metrics[str(first)] if first else 1.0
        if score <= max(chance, majority or 0.0) + 0.02:
            said.append("The score is at or near that level: it says little of the model.")
    if result.near_ties:
        said.append(
            f"{result.near_ties:,} ranks rest on scores too close for float32 and were decided in "
            "float64; the others do not depend on batch size or device."
        )
    return " ".join(said)


def _published(result: Result) -> str:
    table = published(TableName(result.dataset.task))
    said = []
    for column in own_columns(result, {}, table.name):
        printed = table.printed.get((spelling(result.model.name), column.key))
        if printed is not None:
            said.append(f"{column.metric} {printed}")
    decoding = ", decoded in full" if result.settings.decoding in INEXACT_DECODING else ""
    where = f"this model, data set and split{decoding}"
    return f"Published for {where}: {', '.join(said)}." if said else ""


def _changes(result: Result) -> str:
    return "What would change it: " + "; ".join(_levers(result)) + "."


def _levers(result: Result) -> Iterator[str]:
    settings = result.settings
    if result.model.origin:
        yield "another model, precision or preprocessing at the endpoint or of the file"
    elif settings.precision != SCORES_PRECISION:
        used = settings.precision or "the precision used"
        yield f"float32 instead of {used} (the published figures are float32)"
    else:
        yield "another precision (float16, bfloat16)"
    if settings.activation:
        (other,) = set(Activation) - {settings.activation}
        yield f"the activation ({other} fits only weights that were trained with it)"
    if settings.decoding in INEXACT_DECODING:
        yield "decoding JPEG files in full (as for the published figures)"
    if not result.model.origin:
        yield "the interpolation when resizing"
    if result.dataset.task is Task.CLASSIFICATION:
        yield "the template set and the class names"
    elif result.dataset.judgements:
        yield "more judgements (an image that nobody judged counts as wrong)"
        yield "the number of images: a larger corpus is harder, so splits never compare"
    elif result.dataset.comparisons:
        yield "other hard negatives: sets whose wrong captions read oddly are easier than they look"
    else:
        yield "the number of images: a smaller corpus gives higher recall, so splits never compare"
    if result.few_labels:
        yield "other labelled images (more draws tell how much)"
    if result.dataset.sample:
        yield "another seed of the sample"
    if not result.model.origin:
        yield "other weights under the same name (compare the SHA-256)"
