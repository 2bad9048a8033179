"""The outcomes of a document: counted, or refused with one of these reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The reasons of a refusal. `docs/contract.md` lists the same names."""

    # the image
    EMPTY = "empty"  # neither text nor image, or a text of white space only
    NOT_AN_IMAGE = "not_an_image"  # no decoder knows the bytes
    IMAGE_DAMAGED = "image_damaged"  # the header is an image's, the rest is cut off or corrupt
    IMAGE_TOO_LARGE = "image_too_large"  # more bytes or pixels than the limit
    URI_NOT_ALLOWED = "uri_not_allowed"  # a path or URL; the server opens nothing a client names
    # the text
    TEXT_TOO_LARGE = "text_too_large"  # more bytes than the limit (long captions are truncated)
    TEXT_NOT_UTF8 = "text_not_utf8"
    # the label
    LABEL_MISSING = "label_missing"
    LABEL_INVALID = "label_invalid"  # not an integer or a set of integers
    LABEL_OUT_OF_RANGE = "label_out_of_range"  # negative, or past the declared classes
    # the groups
    GROUP_INVALID = "group_invalid"  # not a few columns with a short text each
    # the judgements
    JUDGEMENT_INVALID = "judgement_invalid"  # no whole number, or one where the job has none
    # the identity
    ID_INVALID = "id_invalid"  # missing, or longer than the limit
    DUPLICATE_ID = "duplicate_id"  # the id came before with other content
    INDEX_INVALID = "index_invalid"  # the position in the data set is missing or not an integer
    # the pairing of text and image
    IMAGE_ID_MISSING = "image_id_missing"  # a text that names no image
    IMAGE_MISSING = "image_missing"  # the named image never came
    IMAGE_REFUSED = "image_refused"  # the named image was refused
    # the embedding
    EMBEDDING_INVALID = "embedding_invalid"  # zero, not finite, or of another dimension or dtype
    EMBEDDING_MISSING = "embedding_missing"  # an endpoint or a file gave none; the detail says why
    DIGEST_INVALID = "digest_invalid"  # of what a given embedding stands for: missing, or none
    # the reader, before anything is sent
    MEMBER_MISSING = "member_missing"  # a sample without its image, label or captions
    SHARD_DAMAGED = "shard_damaged"  # the shard is cut off or not a tar file
    UNREADABLE = "unreadable"  # a file that cannot be opened


@dataclass(frozen=True)
class Refusal:
    """One refused document: its id, the reason and a detail for a person to act on."""

    id: str
    reason: Reason
    detail: str
