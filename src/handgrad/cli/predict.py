"""`handgrad predict RUN IMAGE …`."""

from pathlib import Path

from handgrad.cli.console import say
from handgrad.cli.parser import Parser
from handgrad.data import DATASETS, FEATURES, PixelRange, read_grey
from handgrad.data.dataset import Images, Inputs
from handgrad.evaluation.picture import fit_picture
from handgrad.nn import Network
from handgrad.runs import open_run

TOP = 3


def run(tokens: list[str]) -> int:
    """Print the three likeliest classes of each image."""
    parser = Parser(
        "predict",
        "Classify images (PNG or JPEG) of any size, light on dark or dark on light.",
        "  handgrad predict runs/NAME shoe.png\n  handgrad predict runs/NAME drawings/*.png",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="image files")
    arguments = parser.arguments(tokens)
    folder = open_run(arguments.run)
    network, config = folder.load_model(), folder.config
    extractor = FEATURES[config.features]
    shape = tuple(folder.facts["image_shape"]) if extractor else network.input_shape
    pixels = PixelRange(*folder.facts["pixel_range"]) if "pixel_range" in folder.facts else None
    for path in arguments.images:
        picture, inverted = _picture(shape, path, config.dataset, pixels)
        entering = extractor(picture[None]) if extractor else picture[None]
        say(_line(network, path, entering, inverted))
    return 0


def _line(network: Network, path: Path, entering: Inputs, inverted: bool) -> str:
    probabilities = network.predict_proba(entering)[0]
    best = probabilities.argsort()[::-1][:TOP]
    names = network.class_names or tuple(map(str, range(network.classes)))
    guesses = "   ".join(f"{names[k]} {100 * probabilities[k]:.1f} %" for k in best)
    return f"{path}: {guesses}{'   (dark on light, inverted)' if inverted else ''}"


def _picture(shape: tuple[int, ...], path: Path, dataset: str, pixels: PixelRange | None) -> tuple[Images, bool]:
    """As the training images were, and whether it was inverted; those of the named sets are light on dark.

    Of a folder or a file of one's own nobody knows: its pictures entered the network as they stand, so does this one,
    with the range `pixels` that theirs had.
    """
    if dataset in DATASETS or len(shape) != 2:
        return fit_picture(read_grey(path).pixels, shape, centred=dataset == "mnist")
    return read_grey(path, (shape[0], shape[1]), pixels).pixels, False
