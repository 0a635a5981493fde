"""Any two evaluated models or arms against each other: what is given, paired by problem."""
