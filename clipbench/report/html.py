"""The report as one HTML page that needs no network: everything is inside it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from xml.etree.ElementTree import Element

from clipbench.reference import DEVICE
from clipbench.report.explain import explain
from clipbench.report.explain_statistics import explain_statistics
from clipbench.report.mistakes import MistakeSet
from clipbench.report.page_data import page_data
from clipbench.report.page_tables import section
from clipbench.report.reliability import pictures
from clipbench.report.types import OwnTable, Report, Table
from clipbench.results import Result

SCRIPTS = ("dom", "tables", "points", "choose", "bars", "classes", "mistakes", "main")
PER_BLOCK = 32  # files that are packed together: alike in most of what they say
LIBRARIES = ("vendor/d3.min.js", "vendor/plot.umd.min.js")
PUBLISHED_LEAD = (
    f"The published figures of 29 models: size and efficiency on one {DEVICE}, retrieval on 3 data "
    "sets, classification on 21."
)
MEASURED_LEAD = (
    "What was measured, with the published figures beside. Choose a value to see how it came about."
)
FOOTER = "Made by clipbench. This page loads nothing and sends nothing."


def render_html(
    report: Report,
    *,
    title: str = "CLIP benchmark",
    mistakes: Sequence[MistakeSet] = (),
    images: str = "data:",
) -> str:
    """The whole page. For rows of published models build the report with `unmeasured=True`.

    images: where pictures may come from (a Content-Security-Policy source list): only from inside
    the page, unless a local server adds itself with `data: 'self'`.
    """
    script = _script()
    numbers = {key: number for number, key in enumerate(report.sources)}
    parts = {
        "title": html.escape(title),
        "lead": html.escape(_lead(report)),
        "footer": html.escape(FOOTER),
        "policy": html.escape(_policy(script, images)),
        "style": _file("style.css"),
        "tables": "\n".join(
            section(t, numbers, pictures=_pictures(t, report)) for t in report.tables
        ),
        "sources": "\n".join(_sources(report)),
        "data": _embedded(page_data(report, mistakes) | {"perBlock": PER_BLOCK}),
        "script": script,
    }
    page = []
    for i, piece in enumerate(_file("index.html").split("{{")):
        name, end, rest = piece.partition("}}")
        page.append(parts[name] + rest if i and end else piece)
    return "".join(page)


def _pictures(table: Table, report: Report) -> list[Element]:
    return pictures(report) if table.name is OwnTable.THRESHOLDS else []


def _lead(report: Report) -> str:
    lead, others = MEASURED_LEAD if report.sources else PUBLISHED_LEAD, report.figures
    if not others:
        return lead
    return f"{lead} Beside them what {others.source} publishes of {len(others.models)} models."


def _sources(report: Report) -> Iterator[str]:
    """The sources by number in packed blocks, of which the page opens those that are asked for."""
    words, documents = explanations(report), report.provenance
    sources = [{"key": k, "document": d, "words": words.get(k, "")} for k, d in documents.items()]
    for start in range(0, len(sources), PER_BLOCK):
        text = json.dumps(sources[start : start + PER_BLOCK], ensure_ascii=False, allow_nan=False)
        packed = base64.b64encode(gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0))
        name = f"sources-{start // PER_BLOCK}"
        yield f'<script type="text/plain" id="{name}">{packed.decode()}</script>'


def explanations(report: Report) -> dict[str, str]:
    """In words, by source key, how each measured value came about."""
    return {
        key: explain(source) if isinstance(source, Result) else explain_statistics(source)
        for key, source in report.sources.items()
    }


def _embedded(data: object) -> str:
    """JSON that cannot end its script element, whatever the names in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _policy(script: str, images: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        f"img-src {images}; base-uri 'none'; form-action 'none'"
    )


@cache
def _script() -> str:
    own = "\n".join(_file(f"js/{name}.js") for name in SCRIPTS)
    libraries = "\n".join(_file(path) for path in LIBRARIES)
    return f"{libraries}\n(() => {{\n{own}\n}})();\n"


@cache
def _file(path: str) -> str:
    return resources.files("clipbench.report").joinpath(f"page/{path}").read_text(encoding="utf-8")
