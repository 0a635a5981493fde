"""Choosing rows that cover a space of embeddings: facility location, k-center, a novelty filter."""

from titrant.select.coverage.center import Centers, k_center
from titrant.select.coverage.facility import Picked, coverage, coverage_order, facility_location
from titrant.select.coverage.novelty import novelty_filter
from titrant.select.coverage.similarity import DenseSimilarity, NeighbourSimilarity, unit_rows

__all__ = [
    "Centers",
    "DenseSimilarity",
    "NeighbourSimilarity",
    "Picked",
    "coverage",
    "coverage_order",
    "facility_location",
    "k_center",
    "novelty_filter",
    "unit_rows",
]
