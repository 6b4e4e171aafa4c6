"""What a benchmark ran on, in one line."""

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
