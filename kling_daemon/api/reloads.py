"""The route by which the configuration is read anew."""

from kling_daemon.api.routes import Routes, post
from kling_daemon.client.models import ReloadedModel


class ReloadRoutes(Routes):
    """The route `/api/v1/reload`."""

    @post("/api/v1/reload")
    async def reload(self) -> ReloadedModel:
        """Read the configuration anew, as SIGHUP does.

        With a mistake in it nothing is applied; the answer names every one.
        """
        return await self._services.reload()
