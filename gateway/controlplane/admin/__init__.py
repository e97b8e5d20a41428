"""The admin API: metrics, health, spend and exchanges as JSON over a small ASGI application."""

from gateway.controlplane.admin.app import AdminApp
from gateway.controlplane.admin.caller import Caller, identify, who_of
from gateway.controlplane.admin.quarantine import QuarantineDesk
from gateway.controlplane.admin.resources import ROUTES, Resources
from gateway.controlplane.admin.token import admin_token

__all__ = ["ROUTES", "AdminApp", "Caller", "QuarantineDesk", "Resources", "admin_token", "identify", "who_of"]
