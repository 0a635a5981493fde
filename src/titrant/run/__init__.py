"""Running a titration over a run folder: stages, rounds, journal, answer.

titrate.py      the stages in their order
folder.py       where files lie; lock.py: who may write; journal.py: who does what; files.py: how
inputs.py       pool and benchmarks; prepare.py: base and rows, in a worker
preliminary.py  the base under its best prompt, the learning rate
rounds.py       the ladder; batch.py: its arms; limits.py: when to stop
finish.py       what a run leaves; answer.py, examples.py, subset.py, manifest.py: its parts
watch.py        what a run tells whoever watches
"""
