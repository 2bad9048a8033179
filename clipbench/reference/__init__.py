"""The published benchmark as reference data: three tables and their known discrepancies."""

from clipbench.reference.informative import baseline, chance, informative_columns, is_near
from clipbench.reference.tables import (
    AVERAGE,
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
    "AVERAGE",
    "DEVICE",
    "SCORES_PRECISION",
    "STATISTICS_PRECISION",
    "Column",
    "Footnote",
    "PublishedTable",
    "TableName",
    "baseline",
    "chance",
    "footnotes",
    "informative_columns",
    "is_near",
    "published",
    "score_key",
    "spelling",
]
