"""Write a picture as small as it stays readable."""

from io import BytesIO
from pathlib import Path

from PIL import Image

_COLOURS = 128  # of a palette: pages have few
_RARE_TOO = Image.Quantize.MAXCOVERAGE  # others lose the green of a dot
_WIDEST = {".png": 1200, ".webp": 900}  # WebP stands in the gallery, two side by side
_QUALITY = 45


def keep(shown: bytes, file: Path) -> None:
    """A PNG by a palette, or WebP; no wider than it is looked at."""
    image = Image.open(BytesIO(shown)).convert("RGB")
    widest = _WIDEST[file.suffix]
    if image.width > widest:
        size = (widest, image.height * widest // image.width)
        image = image.resize(size, Image.Resampling.LANCZOS)
    if file.suffix == ".png":
        image.quantize(_COLOURS, _RARE_TOO, dither=Image.Dither.NONE).save(file, optimize=True)
    else:
        image.save(file, quality=_QUALITY, method=6)
