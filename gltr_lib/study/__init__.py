"""The study: every published number of the embedded world, declared, resumable, from ledger to table.

``tiers`` names the rows, ``groups`` puts them together, ``grid`` makes runs of them as the ``settings`` say, ``run``
trains and scores what is missing, ``plan`` says what is left and for how long, ``photos`` scores the networks on real
photographs. ``names`` says how tables call methods and columns, ``evidence`` reads the ledgers, ``intervals`` draws
seeds and scenes anew, ``hypotheses`` judges what was expected, ``documents`` fills tables in, ``report`` rebuilds every
table and figure. Use it as ``gltr study`` or, with torch and its few companions alone, ``python -m gltr_lib.study``.
Nothing is imported here, so that ``gltr study --help`` needs no torch.
"""
