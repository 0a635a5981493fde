"""Which arms are run next, and when there are enough of them."""
