"""Usual display windows of CT."""

#: What is black and what is white, `(low, high)` in HU.
WINDOWS = {
    "head": (-200.0, 1000.0),
    "brain": (0.0, 80.0),
    "soft tissue": (-160.0, 240.0),
    "bone": (-500.0, 1300.0),
    "lung": (-1350.0, 150.0),
}
