import pytest

from kling_daemon.api.routes import Routes, get
from kling_daemon.client.models import HealthModel


def test_a_method_takes_what_its_path_names():
    with pytest.raises(TypeError, match="does not take what"):

        class Parts(Routes):
            @get("/things/{thing}")
            async def show(self, other: str) -> HealthModel: ...


def test_a_part_declares_its_routes_in_the_order_of_its_methods():
    class Parts(Routes):
        @get("/b")
        async def second(self) -> HealthModel: ...

        @get("/a/{name}", open=True)
        async def first(self, name: str) -> HealthModel: ...

    assert [(route.path, route.open, route.answers) for route in Parts.declared()] == [
        ("/b", False, {200: HealthModel}),
        ("/a/{name}", True, {200: HealthModel}),
    ]
