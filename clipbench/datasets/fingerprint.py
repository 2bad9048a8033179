"""Counts and a digest of a data set's documents, taken while they are read."""

from __future__ import annotations

import hashlib

from clipbench.datasets.types import Document, Image, Text


class Fingerprint:
    """Counts of documents and of repeated ones, and a digest of the readable documents.

    The digest covers positions, image bytes, labels and texts in order, and which image a text
    follows; not ids, so the same data in another layout have the same digest. (Judgements name
    images by their ids, and are in it as they are.) To find what comes twice it keeps 8 bytes of a
    digest per document.
    """

    def __init__(self) -> None:
        self.images = 0
        self.texts = 0
        self.unreadable = 0
        self.duplicate_images = 0
        self.duplicate_texts = 0
        self._digest = hashlib.sha256()
        self._seen_images: set[int] = set()
        self._seen_texts: set[int] = set()

    def add(self, document: Document) -> None:
        """Takes the next document of a data set."""
        if isinstance(document, Image | Text) and document.judgements:
            self._digest.update(f"judged {document.judgements} ".encode())
        if isinstance(document, Image) and document.groups:
            self._digest.update(f"groups {document.groups} ".encode())
        match document:
            case Image():
                content = hashlib.sha256(document.data)
                labels = "-" if document.labels is None else ",".join(map(str, document.labels))
                self._digest.update(f"image {document.index} {labels} ".encode() + content.digest())
                self.images += 1
                self.duplicate_images += _is_repeated(content.digest(), self._seen_images)
            case Text():
                content = hashlib.sha256(document.text.encode())
                self._digest.update(f"text {document.index} ".encode() + content.digest())
                self.texts += 1
                self.duplicate_texts += _is_repeated(content.digest(), self._seen_texts)
            case _:
                self.unreadable += 1

    @property
    def sha256(self) -> str:
        """The digest of the readable documents so far, in hexadecimal."""
        return self._digest.hexdigest()


def _is_repeated(digest: bytes, seen: set[int]) -> bool:
    key = int.from_bytes(digest[:8])
    if key in seen:
        return True
    seen.add(key)
    return False
