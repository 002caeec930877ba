"""What each endpoint's tasks yield and cost at the simulated Kling: data, by the path that creates them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from kling_daemon.kling.endpoints import Endpoint, Kind

MAIN, WATERMARK = "", "wm"
"""Roles of files. The main file has none in its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """One sort of result."""

    files: Mapping[str, str]
    """The extension of each of its files, by role, in the order in which they are shown."""
    legacy_list: str = ""
    """Where the legacy dialect lists it; empty for what only the new generation yields."""
    takes_watermark: bool = False
    """A second, watermarked file is made of its main one when the create asks for that."""


SORTS: Mapping[str, Sort] = MappingProxyType(
    {
        "video": Sort(files={MAIN: "mp4"}, legacy_list="videos", takes_watermark=True),
        "image": Sort(files={MAIN: "png"}, legacy_list="images", takes_watermark=True),
        "try_on": Sort(files={MAIN: "png"}, takes_watermark=True),
        "series_image": Sort(files={MAIN: "png"}, legacy_list="series_images", takes_watermark=True),
        "shots": Sort(files={"1": "png", "2": "png", "3": "png"}, legacy_list="images"),
        "audio": Sort(files={"mp3": "mp3", "wav": "wav"}, legacy_list="audios"),
        "speech": Sort(files={MAIN: "mp3"}, legacy_list="audios"),
        "face": Sort(files={MAIN: "png"}),
        "cut_outs": Sort(files={"object": "png", "head": "png", "face": "png", "cloth": "png"}),
        "selection": Sort(files={MAIN: "mp4", "cover": "png", "masks": "mp4"}),
        "voice": Sort(files={MAIN: "mp3"}, legacy_list="voices"),
        "element": Sort(files={"frontal": "png", "side": "png", "back": "png", "voice": "mp3"}, legacy_list="elements"),
        "product_image": Sort(files={MAIN: "png"}, takes_watermark=True),
        "model_images": Sort(files={MAIN: "png"}, takes_watermark=True),
        "product_video": Sort(files={MAIN: "mp4"}, takes_watermark=True),
        "subbed_video": Sort(files={MAIN: "mp4"}),
        "srt": Sort(files={MAIN: "srt"}),
        "ass": Sort(files={MAIN: "ass"}),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one success costs, or one image of it where images are counted."""

    units: Decimal = Decimal(0)
    package: str = ""
    """The kind of package that the units are taken from, as a bill names it; empty where it names none."""
    dollars: Decimal = Decimal(0)
    """What is taken from the balance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What an endpoint's tasks yield, and for how much."""

    sorts: tuple[str, ...]
    price: Price


_VIDEO = Product(sorts=("video",), price=Price(units=Decimal("2.5"), package="video"))
_IMAGE = Product(sorts=("image",), price=Price(units=Decimal(1), package="image"))
_NOTHING = Product(sorts=(), price=Price())
_GLANCE = Price(units=Decimal("0.05"))
_SOUND = Price(units=Decimal("0.25"), package="audio")

_GOODS = Product(
    sorts=("product_image", "model_images", "product_video"), price=Price(units=Decimal(28), package="video")
)

_BY_KIND: Mapping[Kind, Product] = {
    Kind.VIDEO: _VIDEO,
    Kind.IMAGE: _IMAGE,
    Kind.AUDIO: Product(sorts=("audio",), price=_SOUND),
    Kind.VOICE: Product(sorts=("voice",), price=Price(units=Decimal("0.05"))),
    Kind.ELEMENT: Product(sorts=("element",), price=Price()),
}
_BY_PATH: Mapping[str, Product] = {
    "/solutions/e-commerce/clothing_dupe": _GOODS,
    "/solutions/e-commerce/goods_studio": _GOODS,
    "/solutions/drama_subtitle": Product(
        sorts=("subbed_video", "srt", "ass"), price=Price(units=Decimal(6), package="video")
    ),
    "/solutions/virtual_try_on": Product(sorts=("try_on",), price=Price(dollars=Decimal("0.07"))),
    "/v1/audio/video-to-audio": Product(sorts=("video", "audio"), price=_SOUND),
    "/v1/audio/tts": Product(sorts=("speech",), price=_GLANCE),
    "/v1/videos/identify-face": Product(sorts=("face",), price=_GLANCE),
    "/v1/videos/image-recognize": Product(sorts=("cut_outs",), price=_GLANCE),
    "/v1/videos/multi-elements/init-selection": Product(sorts=("video",), price=Price()),
    "/v1/videos/multi-elements/add-selection": _NOTHING,
    "/v1/videos/multi-elements/delete-selection": _NOTHING,
    "/v1/videos/multi-elements/clear-selection": _NOTHING,
    "/v1/videos/multi-elements/preview-selection": Product(sorts=("selection",), price=Price()),
    "/v1/general/ai-multi-shot": Product(sorts=("shots",), price=Price(units=Decimal(8), package="image")),
}


def product_of(endpoint: Endpoint) -> Product:
    """Return what the tasks of one of the registry's endpoints yield."""
    return _BY_PATH.get(endpoint.path) or _BY_KIND[endpoint.kind]
