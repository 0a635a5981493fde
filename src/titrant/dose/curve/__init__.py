"""From dose means to curves, and from curves to end points."""
