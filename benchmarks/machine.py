"""What a benchmark ran on, in one line."""

import datetime
import os
import platform
import resource
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

STAT = Path("/proc/stat")
PACKAGES = ("tensorflow", "keras", "torch", "numpy")


def describe():
    """Returns processor, cores, memory, system, versions and date."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"]
    parts.append(f"Python {platform.python_version()}")
    for name in PACKAGES:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            parts.append(f"no {name}")
    return ", ".join([*parts, str(datetime.date.today())])


class Others:
    """Watches how busy other processes keep the cores from here on (Linux alone tells)."""

    def __init__(self):
        self._busy, self._all, self._own = self._times()

    def share(self):
        """Returns the share of all cores' time that others took, 0 where it is unknown."""
        busy, every, own = self._times()
        if every <= self._all:
            return 0.0
        return max((busy - self._busy) - (own - self._own), 0.0) / (every - self._all)

    @staticmethod
    def _times():
        """Seconds of all cores, busy and in all, and of this process and those that it ended."""
        if not STAT.exists():
            return 0.0, 0.0, 0.0
        ticks = STAT.read_text(encoding="utf-8").splitlines()[0].split()[1:9]
        user, nice, system, idle, wait, *rest = (int(n) / os.sysconf("SC_CLK_TCK") for n in ticks)
        busy = user + nice + system + sum(rest)
        used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return busy, busy + idle + wait, sum(u.ru_utime + u.ru_stime for u in used)


def _processor():
    facts = {}
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            name, colon, value = line.partition(":")
            if colon:
                facts.setdefault(name.strip(), value.strip())
    name = facts.get("model name") or platform.processor() or platform.machine()
    if "model" in facts:
        name += f" (family {facts.get('cpu family')}, model {facts['model']})"
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if _has(facts, flag)]
    return f"{name} with {' '.join(wide)}" if wide else name


def _has(facts, flag):
    return flag in facts.get("flags", "").split()
