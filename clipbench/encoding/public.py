"""`/`, `/encode` and `/rank` as clip-server 0.8.3 behaves, on documents in place.

Deviations, all listed in docs/contract.md: a `uri` that is not a data URI is refused, since the
server opens nothing that a client names. A request that holds a refused document is an error that
says which and why; with the parameter `on_refused: "tag"` such a document comes back without an
embedding and with the tag `refused`, and the rest of the request is encoded.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from docarray import Document, DocumentArray

from clipbench.contract import Reason
from clipbench.contract.documents import Refused
from clipbench.contract.limits import Limits
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import DocumentRefused, InvalidRequest, TooLarge
from clipbench.serving.encoder import Encoded, EncodeOptions, Encoder
from clipbench.serving.options import stock_settings

_LONGEST_PATHS = 256  # characters of access_paths: `@r,r,r…` names each document again
_NAMED = 10  # refused documents that an error names
_LOGIT_SCALE = 100.0  # exp(4.60517), what clip-server multiplies the cosine by


@dataclass
class _Part:
    """The documents of one modality, their places in the request and their content."""

    places: list[str] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)

    def append(self, place: str, document: Document, content: Any) -> None:
        self.places.append(place)
        self.documents.append(document)
        self.contents.append(content)


_Refusal = tuple[str, Reason, str]  # place in the request, reason, detail


@dataclass(frozen=True)
class EncodeCounts:
    """Numbers of encoded and refused documents, for the metrics."""

    images: int
    texts: int
    refused: Sequence[Reason]


def encode(
    encoder: Encoder,
    model: str,
    documents: DocumentArray,
    parameters: Mapping[str, Any],
    limits: Limits,
) -> EncodeCounts:
    """Set the embedding of every text and image on the access paths (`@r` unless named).

    A document that only holds others may stand on a path beside them.
    """
    paths = parameters.get("access_paths", parameters.get("traversal_paths", "@r"))
    if not isinstance(paths, str) or len(paths) > _LONGEST_PATHS:
        raise InvalidRequest(
            f"access_paths must be a string of at most {_LONGEST_PATHS} characters"
        )
    try:
        selected = documents[paths]
    except (ValueError, TypeError, IndexError, KeyError, NotImplementedError) as error:
        raise InvalidRequest(f"access_paths {paths!r}: {error}") from error
    if paths == "@r":
        places = {f"document {i}": document for i, document in enumerate(selected)}
    else:
        places = {
            f"document {i} of {paths!r}": document
            for i, document in enumerate(selected)
            if _has_content(document) or not (document.chunks or document.matches)
        }
    return encode_documents(encoder, model, places, parameters, limits)


def is_probe(documents: DocumentArray) -> bool:
    """Whether a request to `/` has no content: clip_client's `profile` sends an empty text."""
    return not any(map(_has_content, documents[...]))


def options_of(encoder: Encoder, model: str, parameters: Mapping[str, Any]) -> EncodeOptions:
    """The options of clip-server 0.8.3, or with `defaults` "job" a job's, except those that a
    parameter names.

    Embeddings of a stock server and of ours can then be compared with each other. Jobs run a
    checkpoint as it was trained, which differs for OpenAI's weights (QuickGELU). Raises
    InvalidRequest for a name that does not exist.
    """
    base = stock_settings(encoder.registry.find(model))
    if _choice(parameters, "defaults", ("clip-server", "job")) == "job":
        base = EncodeSettings()
    return EncodeOptions(
        EncodeSettings.read(parameters, base),
        forced=parameters.get("forced") is True,
        cached=False,  # a measurement of /encode's speed must measure the model
        sharing=True,
    )


def encode_documents(
    encoder: Encoder,
    model: str,
    places: Mapping[str, Document],
    parameters: Mapping[str, Any],
    limits: Limits,
) -> EncodeCounts:
    """Encode the documents in place.

    places: the documents by where they stand in the request, which an error names. Raises
    DocumentRefused when one is refused, unless `on_refused` is "tag"; InvalidRequest, TooLarge,
    and what the encoder raises.
    """
    if len(places) > limits.documents_per_request:
        raise TooLarge(
            f"{len(places)} documents in a request; the limit is {limits.documents_per_request}"
        )
    tagging = _choice(parameters, "on_refused", ("error", "tag")) == "tag"
    images, texts, refused = _Part(), _Part(), list[_Refusal]()
    for place, document in places.items():
        try:
            _sort(place, document, images, texts, limits)
        except Refused as error:
            refused.append((place, error.reason, error.detail))
    options = options_of(encoder, model, parameters)
    refused += _embed(images, lambda part: encoder.encode_images(model, options, part))
    counting = parameters.get("count_tokens") is True
    refused += _embed(texts, lambda part: encoder.encode_texts(model, options, part), counting)
    reasons = tuple(reason for _, reason, _ in refused)
    if refused and not tagging:
        raise DocumentRefused(_told(places, refused), reasons)
    for place, reason, detail in refused:
        places[place].tags["refused"] = {"reason": str(reason), "detail": detail}
    for document in texts.documents:
        document.mime_type = "text"
    if parameters.get("drop_image_content", False) is True:
        for document in images.documents:
            document.pop("blob", "tensor")
    return EncodeCounts(len(images.documents), len(texts.documents), reasons)


def _choice(parameters: Mapping[str, Any], name: str, choices: tuple[str, str]) -> str:
    """The parameter's value, the first choice without one."""
    chosen = parameters.get(name, choices[0])
    if chosen not in choices:
        one, other = choices
        raise InvalidRequest(f"{name} must be {one!r} or {other!r}, not {chosen!r:.200}")
    return str(chosen)


def _told(places: Mapping[str, Document], refused: Sequence[_Refusal]) -> str:
    """Each refused document by place, id and reason, and what became of the others."""
    order = {place: number for number, place in enumerate(places)}
    named = [
        f"{place} (id {places[place].id!r:.200}): {reason}: {detail}"
        for place, reason, detail in sorted(refused, key=lambda refusal: order[refusal[0]])
    ]
    if len(named) > _NAMED:
        named[_NAMED:] = [f"and {len(named) - _NAMED} more"]
    others = len(places) - len(refused)
    return (
        f"{len(refused)} of the {len(places)} documents of the request refused: "
        f"{'; '.join(named)}. The {others} others are not answered: send them alone, or send the "
        'parameter on_refused: "tag" for their embeddings and a tag `refused` on the rest'
    )


def _has_content(document: Document) -> bool:
    return bool(document.text or document.blob or document.uri) or document.tensor is not None


def _sort(place: str, document: Document, images: _Part, texts: _Part, limits: Limits) -> None:
    """Append a document to the part of its modality. Raises Refused."""
    content: Any
    if document.text:
        if len(document.text.encode(errors="replace")) > limits.text_bytes:
            raise Refused(Reason.TEXT_TOO_LARGE, f"the limit is {limits.text_bytes} bytes")
        texts.append(place, document, document.text)
        return
    if document.tensor is not None:
        content = np.asarray(document.tensor)
    elif document.blob:
        content = document.blob
    elif document.uri:
        content = _data_uri(document.uri)
    else:
        raise Refused(Reason.EMPTY, "it has neither text nor image")
    size = content.nbytes if isinstance(content, np.ndarray) else len(content)
    if size > limits.image_bytes:
        raise Refused(Reason.IMAGE_TOO_LARGE, f"{size} bytes; the limit is {limits.image_bytes}")
    images.append(place, document, content)


def _embed(
    part: _Part, encode_part: Callable[[list[Any]], Encoded], counting: bool = False
) -> list[_Refusal]:
    if not part.documents:
        return []
    encoded = encode_part(part.contents)
    for row, position in enumerate(encoded.accepted):
        part.documents[position].embedding = encoded.embeddings[row]
        if counting:
            part.documents[position].tags["tokens"] = encoded.tokens[position]
    return [(part.places[position], reason, detail) for position, reason, detail in encoded.refused]


def _data_uri(uri: str) -> bytes:
    if not uri.startswith("data:") or "," not in uri:
        raise Refused(
            Reason.URI_NOT_ALLOWED,
            "the server opens no path and no URL; send the image as blob, tensor or data URI",
        )
    head, _, body = uri.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise Refused(Reason.NOT_AN_IMAGE, f"the data URI is not base64: {error}") from error


def rank(
    encoder: Encoder,
    model: str,
    documents: DocumentArray,
    parameters: Mapping[str, Any],
    limits: Limits,
) -> EncodeCounts:
    """Sort the matches of each document by similarity, with softmax and cosine as scores."""
    # as in clip-server, drop_image_content drops nothing here: who ranks images wants them back
    kept = {**parameters, "drop_image_content": False}
    places = {f"document {i}": document for i, document in enumerate(documents)}
    for i, document in enumerate(documents):
        places |= {f"match {j} of document {i}": match for j, match in enumerate(document.matches)}
    counts = encode_documents(encoder, model, places, kept, limits)
    for query in documents:
        _rank_matches(query)
    return counts


def _rank_matches(query: Document) -> None:
    scored = [match for match in query.matches if match.embedding is not None]
    unscored = [match for match in query.matches if match.embedding is None]
    if query.embedding is None or not scored:
        return
    candidates = np.stack([match.embedding for match in scored])
    cosines = _cosines(np.asarray(query.embedding), candidates)
    scaled = np.exp(_LOGIT_SCALE * (cosines - cosines.max()))
    softmax = scaled / scaled.sum()
    for match, cosine, share in zip(scored, cosines, softmax, strict=True):
        match.scores["clip_score"].value = float(share)
        match.scores["clip_score"].op_name = "softmax"
        match.scores["clip_score_cosine"].value = float(cosine)
        match.scores["clip_score_cosine"].op_name = "cosine"
        match.embedding = None
    # by cosine: the softmax of far candidates underflows to equal zeros
    order = np.argsort(-cosines, kind="stable")
    query.matches = DocumentArray([scored[i] for i in order] + unscored)


def _cosines(query: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(candidates, axis=1) * np.linalg.norm(query)
    cosines: np.ndarray = (candidates @ query) / np.maximum(norms, 1e-12)
    return cosines
