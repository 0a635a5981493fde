"""What a pool shares with a benchmark, graded by its evidence, with the places in both texts."""
