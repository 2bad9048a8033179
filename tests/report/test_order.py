"""Rows stand in an order that does not depend on when they were measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clipbench.reference import TableName, published
from clipbench.report import build
from tests.report.samples import classification, statistics

PUBLISHED = published(TableName.STATISTICS).models
EXPECTED = [PUBLISHED[2], PUBLISHED[9], "a", "b"]


@pytest.mark.parametrize("seconds", [(0, 0, 0, 0), (3, 2, 1, 0), (0, 1, 2, 3)])
def test_published_models_come_in_print_order_then_the_others_by_name(seconds):
    shuffled = ["b", PUBLISHED[9], "a", PUBLISHED[2]]
    dates = [f"2026-01-01T00:00:0{second}Z" for second in seconds]
    measured = list(zip(shuffled, dates, strict=True))
    report = build(
        [replace(classification(name), created=date) for name, date in measured],
        [replace(statistics(name), created=date) for name, date in measured],
    )
    for table in (report.classification, report.statistics):
        assert [row.model for row in table.rows] == EXPECTED
