"""A word problem with other numbers, whose answer is reckoned anew from the gold solution's own steps."""
