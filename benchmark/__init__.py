"""What a benchmark run is and how it is carried out."""

__version__ = "0.3.0"
