"""Running a titration over a run folder: stages, rounds, journal, answer.

titrate.py   the stages in their order; session.py: one process at work on one folder
store/       where files lie, who may write them, what has been done, on what the answer stands
input/       pool and benchmarks; base and rows, examined in a worker; what the run will cost
ladder/      the base under its best prompt, the learning rate; rounds, their arms and their limits
result/      what a run leaves: answer, subset, examples, report
watch.py     what a run tells whoever watches
vitro.py     the small bases, made from nothing
"""
