"""Budget: how much of the gain is only more tokens?"""
