"""The data sets that come as four IDX files: where to download them, and what their content must be."""

from typing import NamedTuple

from handgrad.data.idx import ValueType

IMAGES_TRAIN, LABELS_TRAIN = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
IMAGES_TEST, LABELS_TEST = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

KINDS: dict[str, ValueType] = {
    IMAGES_TRAIN: "images",
    LABELS_TRAIN: "labels",
    IMAGES_TEST: "images",
    LABELS_TEST: "labels",
}


class IdxSource(NamedTuple):
    """A data set of four IDX files; `digests` are SHA-256 of their uncompressed content, since mirrors recompress."""

    name: str
    title: str
    images: int
    class_names: tuple[str, ...]
    digests: dict[str, str]
    mirrors: tuple[str, ...]
    system_package: str | None = None


MNIST = IdxSource(
    name="mnist",
    title="handwritten digits, 28 x 28",
    images=70_000,
    class_names=tuple("0123456789"),
    digests={
        IMAGES_TRAIN: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        LABELS_TRAIN: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        IMAGES_TEST: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        LABELS_TEST: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)

FASHION_MNIST = IdxSource(
    name="fashion_mnist",
    title="photographs of clothes, 28 x 28",
    images=70_000,
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    digests={
        IMAGES_TRAIN: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        LABELS_TRAIN: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        IMAGES_TEST: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        LABELS_TEST: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    # The bucket's better known address, fashion-mnist.s3-website.…, speaks no https; this one of the same bucket does.
    mirrors=(
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    system_package="dataset-fashion-mnist",
)

IDX_SOURCES = (MNIST, FASHION_MNIST)


def recognise(digest: str) -> str | None:
    """Which known file has this content, such as `train-images-idx3-ubyte of mnist`."""
    for source in IDX_SOURCES:
        for file, known in source.digests.items():
            if known == digest:
                return f"{file} of {source.name}"
    return None
