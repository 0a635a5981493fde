"""The run folder: where files lie, who may write them, and what has been done."""
