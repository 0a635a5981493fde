"""Titrations with a known end point: does the interval cover it?"""
