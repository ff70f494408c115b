"""The study: every published number of the embedded world, declared, resumable, from ledger to table.

``tiers`` names the rows and ``grid`` makes runs of them, ``run`` trains and scores what is missing, ``plan`` says what
is left and for how long, ``photos`` scores the networks on real photographs. ``evidence`` reads the ledgers,
``intervals`` draws seeds and scenes anew, ``hypotheses`` judges what was expected, ``report`` rebuilds every table and
figure. Use it as ``gltr study`` or, with torch and its few companions alone, ``python -m gltr_lib.study``. Nothing is
imported here, so that ``gltr study --help`` and the tables need no torch.
"""
