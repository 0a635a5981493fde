"""The scripted models of the audit `faithfulness` importable."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "faithfulness"))
