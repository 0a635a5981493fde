"""Training arms and reading them: rendering, the template doctor, SFT, one arm from start to end.

Nothing is imported here: `job` is plain data for the driver, all else needs the train extra and is
reached through `titrant.lazy`.
"""
