"""The page as a file: complete, self-contained, and safe whatever the names are."""

import hashlib
import json
import re
from html.parser import HTMLParser
from importlib import resources

from clipbench.reference import TableName, published
from clipbench.report import build
from clipbench.report.html import render_html

from . import pages
from .samples import classification

HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\u2028&amp;{{x}}"
)


class Page(HTMLParser):
    """Elements, attributes and the texts of table cells."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.cells, self.data, self._in = [], [], "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.elements.append((tag, attrs))
        if tag == "td":
            self.cells.append("")
        self._in = tag if tag != "script" or attrs.get("id") == "data" else None

    def handle_data(self, data):
        if self._in == "script":
            self.data += data
        elif self.cells:
            self.cells[-1] += data

    def handle_endtag(self, tag):
        if tag in ("script", "table"):
            self._in = None


def test_every_published_value_is_in_the_page():
    cells = " ".join(Page(pages.published()).cells)
    for name in TableName:
        assert all(value in cells for value in published(name).printed.values())


def test_the_page_refers_to_nothing_outside_itself():
    for tag, attributes in Page(pages.published()).elements:
        assert tag not in ("link", "iframe", "object", "embed"), tag
        for name in ("src", "href", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:")), attributes


def test_the_policy_allows_the_one_script_and_no_network():
    text = pages.published()
    policy = next(a["content"] for t, a in Page(text).elements if t == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+';", policy)


def test_the_embedded_data_are_json_with_all_models():
    data = json.loads(Page(pages.published()).data)
    assert len(data["models"]) == 29
    assert {cost["key"] for cost in data["costs"]} >= {"image_qps", "peak_vram_gb", "disk_mb"}
    assert sum("mean classification" in model["quality"] for model in data["models"]) == 25


def test_a_hostile_name_makes_no_element():
    plain = render_html(build([classification("model", "data")]))
    hostile = render_html(build([classification(HOSTILE, HOSTILE)]), title=HOSTILE)
    count = [len([e for e in Page(text).elements if e[0] in ("script", "img")]) for text in
             (plain, hostile)]  # fmt: skip
    assert count[0] == count[1]
    assert not any("onerror" in attributes for _, attributes in Page(hostile).elements)
    assert json.loads(Page(hostile).data)["models"][0]["label"].startswith("</script>")


def test_the_libraries_are_the_ones_that_their_table_names():
    vendor = resources.files("clipbench.report").joinpath("page/vendor")
    said = vendor.joinpath("README.md").read_text()
    for name in ("d3.min.js", "plot.umd.min.js"):
        digest = hashlib.sha256(vendor.joinpath(name).read_bytes()).hexdigest()
        assert digest in said, name
        assert b"</script" not in vendor.joinpath(name).read_bytes()


def test_without_scripts_the_tables_are_still_there():
    without = re.sub(r"<script.*?</script>", "", pages.published(), flags=re.S)
    assert len([e for e in Page(without).elements if e[0] == "tr"]) > 29 + 25 + 25
