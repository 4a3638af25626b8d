"""What the network has learned to look at."""

from handgrad.reports.blocks import Section
from handgrad.reports.gather import Gallery


def inside_section(gallery: Gallery) -> Section:
    """Filters, feature maps, and the last hidden layer in two dimensions."""
    return Section(
        "inside", "Inside the network", gallery.pictures("dense_filters", "conv_filters", "feature_maps", "tsne")
    )
