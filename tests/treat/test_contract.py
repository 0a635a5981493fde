"""The contract of `titrant.testing.treatments`, over all treatments and several ratios."""

import pytest

from titrant.testing.treatments import TREATMENT_CHECKS
from titrant.treat.table import TREATMENTS

WITH_RATIO = [one.name for one in TREATMENTS.values() if one.ratio is not None]
OTHERS = {f"{name}@{ratio}" for name in WITH_RATIO for ratio in ("0.2", "0.45", "1")}
DEFAULTS = {f"{name}@{TREATMENTS[name].ratio:g}" for name in WITH_RATIO}


@pytest.mark.parametrize("name", [*TREATMENTS, *sorted(OTHERS - DEFAULTS)])
def test_a_treatment_holds_to_the_contract(name):
    for check in TREATMENT_CHECKS:
        check.run(name)
