"""CPU time of processes, thread by thread, from /proc.

`schedstat` counts nanoseconds on a CPU, `stat` only ticks of 10 ms: the first is used. Both count the kernel's work
on a thread's behalf (its writes to loopback run the receiver's softirq too).
"""

import os
from pathlib import Path

Pids = dict[str, int]
"""Name → pid of one system's processes."""
Snapshot = dict[tuple[str, int], tuple[str, int]]
"""(process name, thread id) → (thread's own name, ns on a CPU)."""


def snapshot(pids: Pids) -> Snapshot:
    """What every thread of these processes has used until now."""
    found: Snapshot = {}
    for name, pid in pids.items():
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                comm = (task / "comm").read_text().strip()
                used = int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[name, int(task.name)] = (comm, used)
    return found


def spent(before: Snapshot, after: Snapshot, pids: Pids) -> dict[str, float]:
    """µs used between two snapshots by `process/thread role`."""
    by_process: dict[str, dict[int, tuple[str, float]]] = {}
    for (name, tid), (comm, used) in after.items():
        used_us = (used - before.get((name, tid), ("", 0))[1]) / 1000
        by_process.setdefault(name, {})[tid] = (comm, used_us)
    found: dict[str, float] = {}
    for name, threads in by_process.items():
        for role, used_us in _roles(name, threads, pids[name]):
            found[f"{name}/{role}"] = found.get(f"{name}/{role}", 0.0) + used_us
    return found


def _roles(name: str, threads: dict[int, tuple[str, float]], pid: int) -> list[tuple[str, float]]:
    """A worker's threads by what they do: Granian's have no names of their own, its I/O thread is the busiest of them."""
    if not name.startswith("worker"):
        return [("all", used) for _, used in threads.values()]
    roles = []
    unnamed = []
    for tid, (comm, used) in threads.items():
        if tid == pid:
            roles.append(("event loop", used))
        elif comm.startswith("agentcc-upst"):
            roles.append(("upstream client", used))
        else:
            unnamed.append(used)
    unnamed.sort(reverse=True)
    roles.extend(("granian I/O" if n == 0 else "granian helpers", used) for n, used in enumerate(unnamed))
    return roles


def rss_kb(pid: int) -> int:
    """Resident memory; 0 when the process is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def children(pid: int) -> list[int]:
    """All descendants."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *children(child)]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def split_cores() -> tuple[set[int], set[int]]:
    """(load and provider, system under test): a core each where there are two, else the same."""
    cores = sorted(os.sched_getaffinity(0))
    return ({cores[0]}, {cores[1]}) if len(cores) > 1 else (set(cores), set(cores))
