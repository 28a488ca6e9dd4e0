"""The paper's method: what reads a bundle, trains on it and evaluates. Imports nothing.

To be read beside the paper, in this order:
    model.py        figures 2 and 4: the networks
    losses.py       equations 1 to 7
    meta.py         section III-B: one step; what each row of Table II leaves out of it
    variants.py     Tables I and II: what can be trained, by name

From the command to model.pt:
    options.py, __main__.py     the command lines, which call engine.train
    config.py, settings.py      every key of a run; protocols.py: its sources and its target
    engine.py                   one run: opens all, then makes step after step
    batches/                    what a step reads, as the networks take it
    training.py                 one step: losses by methods.py, gradients, optimizer.py
    running/                    folder, checkpoints, logs, the state that is kept, device, processes
    evaluation/                 scores of a trained model, and its error rates

baselines/ has the networks and steps of SSDG-M and SSAN-M, and what RFMetaFAS's code saves.
"""
