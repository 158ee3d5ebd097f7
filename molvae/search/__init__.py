"""Maximise a black box over a region of R^d; knows no chemistry."""
