"""The torture campaign: bad input, faults and load, counted. ``make torture``; with ``SHORT=1`` three minutes.

Pytest tests hold single behaviours; the campaign throws hundreds of cases at everything at once, on processes that are
killed, disks that are full and files that are lies, and counts what came of it. A case is *lost* when it ended in
anything but success or a one-line error: a traceback, a hang, a half-written or doubled file, a wrong result.
"""
