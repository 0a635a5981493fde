"""What a pool is made of: counts, repeats, the oddest rows."""
