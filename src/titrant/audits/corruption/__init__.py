"""Which share of the gain needs what the traces say, and whether answers follow from them."""
