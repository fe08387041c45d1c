"""The REST API, and the viewer's pages, over the orchestrator's ports."""

from api.app import create_app
from api.ports import ApiServices
from api.server import RunningServer, serve
from api.tickets import Tickets

__all__ = ["ApiServices", "RunningServer", "Tickets", "create_app", "serve"]
