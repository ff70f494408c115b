"""From an empty disk to arrays: fetch, unpack safely, convert labels once, cut crops, verify what lies there.

Each step is a function that survives being killed and goes on where it was; ``data_scripts/`` and ``gltr prepare`` are
thin command lines over them. Nothing is skipped in silence: what cannot be read is refused by name.
"""
