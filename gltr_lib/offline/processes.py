"""Several shards of one stylising job on one machine, one process each.

On GPUs process i takes GPU i (modulo their number); on a CPU the cores are shared out. Results are those of one
process. A process that dies takes only its own shard with it: the others finish, the error says which one died, and
the same command goes on.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from gltr_lib._validate import describe
from gltr_lib._workers import end_with_parent
from gltr_lib.offline.job import OnImage, count_or, stylise_folder
from gltr_lib.offline.manifest import MANIFEST
from gltr_lib.offline.plan import list_images

_POLL = 0.2  # seconds between two looks at the processes


def stylise_in_processes(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    processes: int,
    stylizer: str = "mini",
    bank: str = "paintings-mini",
    device: str | None = None,
    on_image: OnImage | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Stylise a folder with several processes on this machine; each loads the stylizer and does its shard.

    Args:
        source: as for :func:`stylise_folder`.
        target: as for :func:`stylise_folder`.
        processes: how many, at least 1.
        stylizer: name, as for ``Stylizer.load``.
        bank: a shipped bank, a saved one, or a folder of paintings (measured once, before the processes start).
        device: cpu, cuda or mps; the best there is if None.
        on_image: called with (done, total, "") now and then.
        options: the other keywords of :func:`stylise_folder`, without ``shard``.

    Returns:
        The merged manifest.

    Raises:
        ValueError: as :func:`stylise_folder` (the first process's complaint). RuntimeError: a process died.
    """
    import torch.multiprocessing as multiprocessing

    if not isinstance(processes, int) or isinstance(processes, bool) or processes < 1:
        raise ValueError(f"processes: expected a whole number >= 1, received {describe(processes)}")
    # Before anything is started: the commonest mistake is the wrong folder.
    pictures = list_images(source, options.get("only"))
    shares = _shares(len(pictures), processes, count_or(options.get("copies"), "copies", 1))
    context = multiprocessing.get_context("spawn")
    progress = context.RawArray("q", processes)
    with tempfile.TemporaryDirectory(prefix="gltr-bank-") as folder:
        unread: dict[str, str] = {}
        ready = _measured(bank, stylizer, device, Path(folder), unread) if Path(bank).is_dir() else bank
        common = {**options, "bank_name": options.get("bank_name") or bank, "refused_paintings": unread}
        # A pipe each: a process that is killed in the middle of a word cannot keep the others from speaking.
        pipes = [context.Pipe(duplex=False) for _ in range(processes)]
        workers = [
            context.Process(
                target=_shard,
                args=((index, processes), os.fspath(source), os.fspath(target), stylizer, ready, device, common),
                kwargs={"share": shares[index], "progress": progress, "answer": pipes[index][1]},
                name=f"gltr-stylize-{index}",
            )
            for index in range(processes)
        ]
        try:
            for worker in workers:
                worker.start()
            last, working = 0, True
            while working:
                time.sleep(_POLL)
                working = any(worker.is_alive() for worker in workers)  # before the count, which then is the last one
                done = sum(progress)
                if on_image is not None and done != last:
                    on_image(done, sum(shares), "")
                    last = done
        finally:
            for worker in workers:
                if worker.is_alive():
                    worker.terminate()
                if worker.pid is not None:
                    worker.join()
    _judge([pipe.recv() if pipe.poll() else None for pipe, _ in pipes], [worker.exitcode for worker in workers])
    return json.loads((Path(target) / MANIFEST).read_text(encoding="utf-8"))


def _shares(pictures: int, processes: int, copies: int) -> list[int]:
    """How many pictures each process writes; those that were written before are counted."""
    return [len(range(index, pictures, processes)) * copies for index in range(processes)]


def _judge(said: list[tuple[str, str] | None], codes: list[int | None]) -> None:
    """Raise the first complaint of a process, or that one died."""
    for index, (words, code) in enumerate(zip(said, codes, strict=True)):
        which = f"shard {index + 1}/{len(codes)}"  # as people count, and as --shard does
        if words is None:
            how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            raise RuntimeError(f"the process of {which} died ({how}); what is done is kept, the same command goes on")
        kind, text = words
        if kind == "ValueError":
            raise ValueError(text)
        if kind != "done":
            raise RuntimeError(f"{which}: {text}")


def _measured(bank: str, stylizer: str, device: str | None, folder: Path, refused: dict[str, str]) -> str:
    """Measure a folder of paintings once, for all processes; ``refused`` takes those that cannot be read."""
    from gltr_lib.engine import pick_device
    from gltr_lib.offline.banks import load_bank
    from gltr_lib.stylizer import Stylizer

    styles = load_bank(bank, Stylizer.load(stylizer, device=pick_device(device)), refused=refused)
    return str(styles.save(folder / "bank.safetensors"))


def _shard(
    shard: tuple[int, int],
    source: str,
    target: str,
    stylizer: str,
    bank: str,
    device: str | None,
    options: dict[str, Any],
    *,
    share: int,
    progress: Any,
    answer: Any,
) -> None:
    """What one process does."""
    import torch

    from gltr_lib.offline.banks import load_bank
    from gltr_lib.stylizer import Stylizer

    index, count = shard

    def show(done: int, _total: int, _name: str) -> None:
        progress[index] = done

    end_with_parent()
    try:
        place = shard_device(device, index)
        if place.type == "cpu":
            torch.set_num_threads(max(1, torch.get_num_threads() // count))
        network = Stylizer.load(stylizer, device=place)
        stylise_folder(source, target, network, load_bank(bank, network), shard=shard, on_image=show, **options)
        progress[index] = share  # also where nothing was left to do, and so nothing was shown
        answer.send(("done", ""))
    except ValueError as error:
        answer.send(("ValueError", str(error)))
    except KeyboardInterrupt:
        answer.send(("stopped", "stopped; the same command goes on where it was"))
    except Exception as error:
        answer.send(("failed", f"{type(error).__name__}: {error}"))


def shard_device(device: str | None, local: int) -> Any:
    """The device of the ``local``-th process of a machine: its own GPU, or what all share."""
    import torch

    from gltr_lib.engine import pick_device

    place = pick_device(device)
    if place.type == "cuda" and place.index is None:
        return torch.device("cuda", local % torch.cuda.device_count())
    return place
