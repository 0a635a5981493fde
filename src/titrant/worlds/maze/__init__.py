"""The maze world: shortest paths through grids, with the trace of A* as the reasoning."""
