"""The network guard of the course: a process that starts with this folder on ``PYTHONPATH`` can only talk to itself.

A guard inside pytest does not reach the kernels that pytest starts; Python imports ``sitecustomize`` in each of them.
Loopback and Unix sockets pass (the kernel speaks to its client over them); every other connection, datagram and name
look-up raises :class:`NetworkBlocked` with the address in the message. Audit hooks cannot be removed, so a lesson
cannot switch the guard off by accident. Only Python is watched: no compiled library of the course opens sockets itself.
"""

import ipaddress
import sys

_LOCAL_NAMES = {"", "localhost", "localhost.localdomain", "ip6-localhost"}
_WATCHED = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.bind": 1}
_LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}


class NetworkBlocked(OSError):
    """A lesson asked for the network; the course runs without one after installation."""


def is_local(host):
    """Whether a host (name, address, or none at all) is this machine's loopback."""
    if host is None:
        return True
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    name = str(host).split("%", 1)[0].lower()
    if name in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _hook(event, args):
    if not event.startswith("socket."):
        return
    if event in _WATCHED and len(args) > _WATCHED[event]:
        address = args[_WATCHED[event]]
        if not isinstance(address, tuple):
            return  # a Unix socket's path, or a connected socket's None
        host = address[0]
        # Binding to every interface is how many libraries pick a free port; it sends nothing.
        if event == "socket.bind" and host in ("0.0.0.0", "::"):
            return
    elif event in _LOOKUPS:
        host = args[0][0] if isinstance(args[0], tuple) else args[0]
    else:
        return
    if not is_local(host):
        raise NetworkBlocked(f"the course runs without the network, and this cell asked for {host!r} ({event})")


sys.addaudithook(_hook)


def _keep_thread_faults(path):
    """Write uncaught exceptions of threads to a file too: one that ends after its cell would be seen by nobody."""
    import threading
    import traceback

    before = threading.excepthook

    def hook(fault):
        if fault.exc_type is not SystemExit:
            name = fault.thread.name if fault.thread is not None else "?"
            with open(path, "a", encoding="utf-8") as file:
                trace = "".join(traceback.format_exception(fault.exc_type, fault.exc_value, fault.exc_traceback))
                file.write(f"Exception in thread {name}:\n{trace}")
        before(fault)

    threading.excepthook = hook


def _end_with(parent):
    """End when the process that started this one has: a kernel whose runner is killed while it starts would live on."""
    import threading
    import time

    def watch():
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="course-parent", daemon=True).start()


import os  # noqa: E402

if os.environ.get("COURSE_FAULTS"):
    _keep_thread_faults(os.environ["COURSE_FAULTS"])
_parent = os.environ.pop("COURSE_PARENT", "")  # not for the processes that a lesson starts
if _parent.isdecimal() and os.name == "posix":
    _end_with(int(_parent))
