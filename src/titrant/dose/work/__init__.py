"""Where arms run: worker processes, and how many of them."""
