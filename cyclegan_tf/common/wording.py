"""Numbers in words: how many of what, how long."""


def counted(number, noun):
    """A number of things.

    Example:
        >>> counted(1, "image"), counted(2, "image"), counted(12000, "step")
        ('1 image', '2 images', '12000 steps')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def duration(seconds):
    """A time, as exact as one wants to know it.

    Example:
        >>> duration(0.4), duration(42), duration(200), duration(8000)
        ('0.4 s', '42 s', '3 min 20 s', '2 h 13 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    large, small, units = *divmod(round(seconds), 60), ("min", "s")
    if large >= 60:
        large, small, units = *divmod(round(seconds / 60), 60), ("h", "min")
    return f"{large} {units[0]}" + (f" {small} {units[1]}" if small else "")
