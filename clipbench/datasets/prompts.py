"""Prompts of zero-shot classification: class names put into templates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from clipbench.errors import InvalidRequest

PLACEHOLDER = "{c}"
"""The place of the class name, as in CLIP_benchmark. Other braces stand for themselves."""

DEFAULT_TEMPLATES = (
    "itap of a {c}.",
    "a bad photo of the {c}.",
    "a origami {c}.",
    "a photo of the large {c}.",
    "a {c} in a video game.",
    "art of the {c}.",
    "a photo of the small {c}.",
)
"""For data that bring no templates: the seven that OpenAI found to do best on ImageNet.

Source: openai/CLIP, notebooks/Prompt_Engineering_for_ImageNet.ipynb. Their grammar is theirs.
"""


def check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """The templates, each with a place for the class name. Raises InvalidRequest."""
    if not templates:
        raise InvalidRequest(
            f"no template: give at least one, such as 'a photo of a {PLACEHOLDER}.'"
        )
    for template in templates:
        if PLACEHOLDER not in template:
            raise InvalidRequest(
                f"the template {template!r} has no {PLACEHOLDER}, the place for the class name"
            )
    return tuple(templates)


def prompts(classnames: Sequence[str], templates: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """(class index, template index, text) of every prompt, class by class.

    Class names are used as they are: empty ones and several of the same name included.
    """
    templates = check_templates(templates)
    for class_index, name in enumerate(classnames):
        for template_index, template in enumerate(templates):
            yield class_index, template_index, template.replace(PLACEHOLDER, name)


def prompts_sha256(classnames: Sequence[str], templates: Sequence[str]) -> str:
    """Digest of all prompts in order; each text is hashed with its length."""
    digest = hashlib.sha256()
    for class_index, template_index, text in prompts(classnames, templates):
        encoded = text.encode()
        digest.update(b"%d %d %d " % (class_index, template_index, len(encoded)) + encoded)
    return digest.hexdigest()
