"""titrant: how much reasoning data does a base model need, which part of it, is the gain real?"""
