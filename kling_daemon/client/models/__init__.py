"""What the local API answers and takes, as both of its ends read it.

A newer daemon may answer more than is listed here: unknown fields are kept and shown, and a word that is not
known here stays plain text, also where the known ones are members of an enum.
"""

from kling_daemon.client.models.answers import CURSOR_PATTERN, Answer, Page
from kling_daemon.client.models.callbacks import CallbackModel, CheckedCallbackModel, SecretModel
from kling_daemon.client.models.deliveries import AttemptModel, DeliveryInFullModel, DeliveryModel
from kling_daemon.client.models.events import EventModel, ReplayedModel, ReplayModel
from kling_daemon.client.models.handlers import ForgottenModel, HandlerModel, PluginModel
from kling_daemon.client.models.jobs import ChargeModel, FileModel, JobModel, OutputModel
from kling_daemon.client.models.moments import Moment, UtcMoment
from kling_daemon.client.models.orders import (
    CheckedModel,
    CheckModel,
    NamedTaskModel,
    SubmitModel,
    TrackedModel,
    TrackModel,
)
from kling_daemon.client.models.problems import ProblemModel
from kling_daemon.client.models.reloads import ProblemOfConfigModel, ReloadedModel
from kling_daemon.client.models.stats import (
    HealthModel,
    MissedModel,
    NoticeModel,
    PunctualityModel,
    ReconciliationModel,
    StatsModel,
)
from kling_daemon.client.models.timelines import TimelineEntryModel, TimelineModel, UnknownModel, UpcomingModel
from kling_daemon.client.models.tokens import MadeTokenModel, NewTokenModel, TokenModel, TokenName

__all__ = [
    "CURSOR_PATTERN",
    "Answer",
    "AttemptModel",
    "CallbackModel",
    "ChargeModel",
    "CheckModel",
    "CheckedCallbackModel",
    "CheckedModel",
    "DeliveryInFullModel",
    "DeliveryModel",
    "EventModel",
    "FileModel",
    "ForgottenModel",
    "HandlerModel",
    "HealthModel",
    "JobModel",
    "MadeTokenModel",
    "MissedModel",
    "Moment",
    "NamedTaskModel",
    "NewTokenModel",
    "NoticeModel",
    "OutputModel",
    "Page",
    "PluginModel",
    "ProblemModel",
    "ProblemOfConfigModel",
    "PunctualityModel",
    "ReconciliationModel",
    "ReloadedModel",
    "ReplayModel",
    "ReplayedModel",
    "SecretModel",
    "StatsModel",
    "SubmitModel",
    "TimelineEntryModel",
    "TimelineModel",
    "TokenModel",
    "TokenName",
    "TrackModel",
    "TrackedModel",
    "UnknownModel",
    "UpcomingModel",
    "UtcMoment",
]
