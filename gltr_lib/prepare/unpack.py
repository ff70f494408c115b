"""Unpacking archives that somebody else made: nothing leaves the folder, grows without bound, or is half-written.

Every member's name is examined before the first byte is written: absolute paths, ``..``, drive letters, backslashes,
links and devices are refused by name, and so is an archive that would unpack to more than it may or the disk holds.
Files are written under a temporary name and renamed, so a file that is there is whole; a later call goes on after it.

Why not ``extractall``: zipfile rewrites hostile names in silence, tarfile's filters depend on the Python at hand, and
neither goes on where it was. Archives: zip, tar, tar.gz, tar.bz2, tar.xz. (SYNTHIA comes as .rar: see its script.)
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from gltr_lib._drafts import draft_name, is_full, sweep_beside
from gltr_lib._typed import typed

CHUNK = 1 << 20
MAX_TOTAL = 500 * 10**9  # bytes; the largest archive of these datasets unpacks to well under that
MAX_MEMBERS = 5_000_000
MAX_RATIO = 1100  # deflate reaches 1032; what claims more lies about its size
LONGEST = 255  # bytes of a name: what file systems take
SPARE = 64 << 20


class UnpackError(OSError):
    """The archive is unsafe, damaged or too large; the message names the member and says what to do."""


@dataclass(frozen=True)
class Unpacked:
    """What an archive became: files written now, files that were there already, bytes of all."""

    written: int
    there: int
    bytes: int


@dataclass(frozen=True)
class _Member:
    name: str
    path: PurePosixPath
    size: int
    crc: int | None
    handle: Any


@typed
def unpack(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    strip: int = 0,
    select: Callable[[str], bool] | None = None,
    max_total: int = MAX_TOTAL,
    check: bool = False,
    progress: Callable[[int, int, str], Any] | None = None,
) -> Unpacked:
    """Unpack an archive into a folder; call again to go on after an interruption.

    Args:
        archive: zip or tar (gz, bz2, xz); its content decides, not its name.
        folder: made if missing. Files of other names in it are left alone.
        strip: leading folders taken off every name (1 turns ``bdd100k/images/x`` into ``images/x``).
        select: takes a member's path after stripping; only those it approves are written (all are examined).
        max_total: largest sum of the members' sizes in bytes.
        check: read files that are there already and compare their CRC with the archive's (zip only), instead of
            trusting their size.
        progress: called with (members done, members in all, name).

    Returns:
        How many files were written, how many were there, and their bytes.

    Raises:
        UnpackError: not an archive, a member that leaves the folder, is a link or a device, comes twice or is
            encrypted, too much to unpack, a full disk, damage. Unsafe names are refused before anything is written.
    """
    archive, folder = Path(archive), Path(folder)
    if isinstance(strip, bool) or not isinstance(strip, int) or strip < 0:
        raise ValueError(f"strip: expected a number of folders, 0 or more, received {strip!r}")
    if not archive.is_file():
        raise UnpackError(f"{archive}: no such archive")
    with _opened(archive, max_total) as (members, stream):
        todo = _examined(archive, members, strip, max_total)
        todo = [member for member in todo if select is None or select(member.path.as_posix())]
        missing = [member for member in todo if not _is_there(folder, member, check)]
        _check_room(folder, missing)
        base = folder.resolve()
        base.mkdir(parents=True, exist_ok=True)
        # What a call that was killed left half-written; not behind a link that leads elsewhere.
        inside = {above for above in {base / member.path.parent for member in todo} if above.resolve() == above}
        sweep_beside(*(base / member.path for member in todo if base / member.path.parent in inside))
        done = len(todo) - len(missing)
        for member in missing:
            _write(archive, base, member, stream)
            done += 1
            if progress is not None:
                progress(done, len(todo), member.path.as_posix())
    return Unpacked(len(missing), len(todo) - len(missing), sum(member.size for member in todo))


@typed
def safe_path(name: str) -> PurePosixPath:
    """A member's name as a relative path below the folder.

    Raises:
        ValueError: the name would lead elsewhere, or cannot be a file's on every system.

    Example:
        >>> safe_path("images/00001.png").as_posix()
        'images/00001.png'
    """
    path = PurePosixPath(name)
    if not name or name.startswith("/") or path.is_absolute() or ".." in path.parts:
        raise ValueError("leads outside its folder")
    if "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name) or any(":" in part for part in path.parts):
        raise ValueError("leads outside its folder on some systems (backslash, drive letter or colon)")
    if any(ord(letter) < 32 for letter in name):
        raise ValueError("has control characters in its name")
    if not path.parts:
        raise ValueError("has no name")
    if any(len(os.fsencode(part)) > LONGEST for part in path.parts):
        raise ValueError(f"has a name of more than {LONGEST} bytes")
    return path


@contextmanager
def _opened(archive: Path, max_total: int) -> Iterator[tuple[list[_Member], Callable[[_Member], IO[bytes]]]]:
    """The members of an archive (not yet examined) and how to read one."""
    with ExitStack() as stack:
        try:
            found = _listed(archive, max_total, stack)
        except UnpackError:
            raise
        except tarfile.ReadError:  # its own words are five lines, one for each format that was tried
            raise UnpackError(f"{archive}: neither a zip nor a tar archive, or cut short; download it again") from None
        except (
            Exception
        ) as error:  # on damaged archives both libraries, and what unpacks for them, raise nearly anything
            if isinstance(error, OSError) and error.filename is not None:
                raise
            raise UnpackError(
                f"{archive}: the archive is damaged ({_words(error)}); delete it and download it again"
            ) from None
        yield found


def _listed(archive: Path, max_total: int, stack: ExitStack) -> tuple[list[_Member], Callable[[_Member], IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        opened = stack.enter_context(zipfile.ZipFile(archive))
        return _zip_members(archive, opened), lambda member: opened.open(member.handle)
    packed = stack.enter_context(tarfile.open(archive))  # noqa: SIM115  (the stack closes it)

    def read(member: _Member) -> IO[bytes]:
        file = packed.extractfile(member.handle)
        if file is None:
            raise UnpackError(f"{archive}: member {member.name!r} is not a file")
        return file

    members = _tar_members(archive, packed, max_total)
    # What gzip, bzip2 and xz say of the whole stands behind the last member, where tarfile does not look.
    for _ in range(SPARE // CHUNK):
        if packed.fileobj is None or not packed.fileobj.read(CHUNK):
            break
    return members, read


def _words(error: BaseException) -> str:
    """What a library says of a damage, on one line of some length."""
    text = " ".join(str(error).split())
    return f"{text[:160]}..." if len(text) > 160 else text or type(error).__name__


def _zip_members(archive: Path, opened: zipfile.ZipFile) -> list[_Member]:
    members = []
    for info in opened.infolist():
        # zipfile has cut the name at a NUL already: the original is what the archive really says.
        name = getattr(info, "orig_filename", info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            what = "a link" if stat.S_ISLNK(kind) else "a device"
            raise UnpackError(f"{archive}: member {name!r} is {what}; nothing was unpacked")
        if info.flag_bits & 1:
            raise UnpackError(f"{archive}: member {name!r} is encrypted; nothing was unpacked")
        if info.file_size > max(CHUNK, MAX_RATIO * info.compress_size):
            raise UnpackError(
                f"{archive}: member {name!r} claims to grow from {info.compress_size:,} to {info.file_size:,} bytes; "
                f"nothing was unpacked"
            )
        size = -1 if info.is_dir() or name.endswith("/") else info.file_size
        members.append(_Member(name, PurePosixPath(name), size, info.CRC, info))
    return members


def _tar_members(archive: Path, packed: tarfile.TarFile, max_total: int) -> list[_Member]:
    members: list[_Member] = []
    total = 0
    for info in packed:
        if not (info.isreg() or info.isdir()):
            what = "a link" if info.issym() or info.islnk() else "a device"
            raise UnpackError(f"{archive}: member {info.name!r} is {what}; nothing was unpacked")
        members.append(_Member(info.name, PurePosixPath(info.name), -1 if info.isdir() else info.size, None, info))
        total += info.size
        if len(members) > MAX_MEMBERS or total > max_total:
            break  # enough to refuse it; a compressed bomb is not read to its end
    return members


def _examined(archive: Path, members: list[_Member], strip: int, max_total: int) -> list[_Member]:
    """The files among the members with safe paths, leading folders taken off."""
    if len(members) > MAX_MEMBERS:
        raise UnpackError(f"{archive}: more than {MAX_MEMBERS:,} members; nothing was unpacked")
    files: dict[str, _Member] = {}
    total = 0
    for member in members:
        name = member.name.rstrip("/") if member.size < 0 else member.name
        if member.size < 0 and name in ("", "."):
            continue
        try:
            path = safe_path(name)
        except ValueError as error:
            raise UnpackError(f"{archive}: member {member.name!r} {error}; nothing was unpacked") from None
        if member.size < 0 or len(path.parts) <= strip:
            continue
        path = PurePosixPath(*path.parts[strip:])
        if path.as_posix() in files:
            raise UnpackError(f"{archive}: {path} comes twice in the archive; nothing was unpacked")
        files[path.as_posix()] = _Member(member.name, path, member.size, member.crc, member.handle)
        total += member.size
        if total > max_total:
            raise UnpackError(f"{archive}: would unpack to more than {max_total:,} bytes; nothing was unpacked")
    for key, member in files.items():
        above = next((p for p in member.path.parents if p.as_posix() in files), None)
        if above is not None:
            raise UnpackError(f"{archive}: {above} is a file and, for {key}, a folder; nothing was unpacked")
    return list(files.values())


def _is_there(folder: Path, member: _Member, check: bool) -> bool:
    target = folder / member.path
    if not target.is_file() or target.stat().st_size != member.size:
        return False
    return not check or member.crc is None or _crc(target) == member.crc


def _check_room(folder: Path, missing: list[_Member]) -> None:
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    needed, free = sum(member.size for member in missing), shutil.disk_usage(above).free
    if missing and needed + SPARE > free:
        raise UnpackError(f"{folder}: {needed:,} bytes are to be unpacked and {free:,} are free; nothing was unpacked")


def _write(archive: Path, base: Path, member: _Member, stream: Callable[[_Member], IO[bytes]]) -> None:
    """One member, under a temporary name first; never through a link that lies in the folder."""
    target = base / member.path
    try:
        if not target.parent.resolve().is_relative_to(base) or target.is_symlink():
            raise UnpackError(f"{target}: a link lies in its way and leads elsewhere; remove the link")
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = draft_name(target)
        try:
            with stream(member) as source, draft.open("wb") as file:
                left = member.size
                while block := source.read(CHUNK):
                    left -= len(block)
                    if left < 0:
                        raise UnpackError(
                            f"{archive}: member {member.name!r} is longer than it claims; delete the archive"
                        )
                    file.write(block)
            if left:
                raise UnpackError(f"{archive}: member {member.name!r} is cut short; download the archive again")
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except UnpackError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            reason = "the disk is full" if is_full(error) else f"cannot be written ({error})"
            raise UnpackError(f"{target}: {reason}; mend that and call this again to go on") from None
        raise UnpackError(
            f"{archive}: member {member.name!r} is damaged ({_words(error)}); download the archive again"
        ) from None


def _crc(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            value = zlib.crc32(block, value)
    return value
