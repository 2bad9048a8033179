"""Prompts: class by class, names as they are."""

import pytest

from clipbench.datasets import DEFAULT_TEMPLATES, prompts, prompts_sha256
from clipbench.errors import InvalidRequest


def test_prompts_come_class_by_class_with_both_positions():
    found = list(prompts(["cat", ""], ["a {c}.", "{c} or {c}"]))
    assert found == [(0, 0, "a cat."), (0, 1, "cat or cat"), (1, 0, "a ."), (1, 1, " or ")]


def test_braces_of_names_and_templates_stand_for_themselves():
    assert [text for *_, text in prompts(["{c}", "{x}"], ["{0} {c}"])] == ["{0} {c}", "{0} {x}"]


def test_a_template_without_a_place_and_no_template_are_refused():
    with pytest.raises(InvalidRequest, match="a photo"):
        list(prompts(["cat"], ["a photo"]))
    with pytest.raises(InvalidRequest):
        list(prompts(["cat"], []))


def test_the_digest_tells_order_and_borders_apart():
    digests = {
        prompts_sha256(["a", "b"], ["{c}"]),
        prompts_sha256(["b", "a"], ["{c}"]),
        prompts_sha256(["ab", ""], ["{c}"]),
        prompts_sha256(["a"], ["{c}", "b{c}"]),
        prompts_sha256(["a", "b"], ["{c}."]),
    }
    assert len(digests) == 5
    assert prompts_sha256(["a", "b"], ["{c}"]) in digests


def test_the_default_templates_all_have_a_place_for_the_name():
    assert all("{c}" in template for template in DEFAULT_TEMPLATES)
