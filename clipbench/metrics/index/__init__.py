"""What smaller vectors cost in quality, by type of index."""

from clipbench.metrics.index.costs import IndexCost, classification_costs, retrieval_costs
from clipbench.metrics.index.types import IndexType, index_types, signs

__all__ = [
    "IndexCost",
    "IndexType",
    "classification_costs",
    "index_types",
    "retrieval_costs",
    "signs",
]
