"""What is left to do once there is a configuration, here and in Kling's console."""

from pathlib import Path

from kling_daemon.cli.first_config import API_KEY_FILE, WEBHOOK_SECRET_FILE
from kling_daemon.config import Settings


def callback_url(settings: Settings) -> str | None:
    """Return where Kling calls back; None where it does not reach us."""
    receiver = settings.receiver
    return None if receiver.public_url is None else f"{receiver.public_url}{receiver.path}"


def first_steps(settings: Settings, file: Path) -> list[str]:
    """Return the steps, each a sentence, in their order."""
    steps, folder = [], file.parent
    if settings.kling.api_key is None and settings.kling.access_key is None:
        steps.append(
            f"Make an API key in Kling's console, put it into {folder / API_KEY_FILE} (chmod 600), and take the # from "
            f"api_key in {file}. The credential kling_api_key and the variable KLING_API_KEY will do as well."
        )
    url = callback_url(settings)
    if url is None:
        steps.append(
            "To be called back, and not poll every job: have a TLS proxy forward a public name to "
            f"{settings.receiver.listen}, and set public_url in {file}."
        )
    else:
        steps.append(f"Have your TLS proxy forward {url} to {settings.receiver.listen}.")
        if not settings.trust.secrets:
            steps.append(
                "Create a webhook secret in Kling's console (whsec_…), so that callbacks are signed. Put it into "
                f"{folder / WEBHOOK_SECRET_FILE} (chmod 600), and take the # from secrets.main in {file}. The "
                "credential webhook_secrets and the variable KLING_WEBHOOK_SECRETS will do as well."
            )
        steps.append(
            "In programs that create tasks at Kling themselves, set callback_url to the callback URL; tasks that are "
            "created through the daemon have one already."
        )
    steps.append(f"Start the daemon: kling-daemon run --config {file}")
    return steps
