"""The published benchmark as reference data: three tables and what is known to be odd in them."""

from clipbench.reference.informative import baseline, is_near, telling_columns
from clipbench.reference.tables import (
    DEVICE,
    SCORES_PRECISION,
    STATISTICS_PRECISION,
    Column,
    Footnote,
    PublishedTable,
    TableName,
    footnotes,
    published,
    score_key,
    spelling,
)

__all__ = [
    "DEVICE",
    "SCORES_PRECISION",
    "STATISTICS_PRECISION",
    "Column",
    "Footnote",
    "PublishedTable",
    "TableName",
    "baseline",
    "footnotes",
    "is_near",
    "published",
    "score_key",
    "spelling",
    "telling_columns",
]
