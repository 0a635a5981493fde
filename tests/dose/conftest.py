"""Makes `planted` importable: tables of readings with a known response."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
