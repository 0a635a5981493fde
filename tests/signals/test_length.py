"""Length counts tokens, and not scored is not short."""

import numpy as np

from titrant.signals.length import LENGTH
from titrant.testing.signals import MADE, SETTINGS, made_scores


def test_length_is_tokens_and_missing_without_any():
    found = LENGTH.compute(made_scores(), SETTINGS).trace
    wanted = [trace.tokens if trace.is_scored else np.nan for trace in MADE]
    assert np.array_equal(found, wanted, equal_nan=True)
