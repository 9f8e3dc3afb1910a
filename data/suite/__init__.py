"""The instance suite of a data set: small databases on which wrong answers give themselves away.

    mutants, mutation/            what a person or a model who almost understood the question would write
    proof/                        which of them equal gold on every valid instance
    profile, column, hints,       what an instance looks like, and making one
      neighbours, draw, instances
    trial, task                   which instances tell which mutants of a task from gold, and the fewest that do
    build, store, report          the whole data set, in parallel; its files; its figures

The reward service reads the result with `reward_service.instances`.
"""
