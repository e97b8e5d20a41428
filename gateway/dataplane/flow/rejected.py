"""A provider that rejects our own credential: a revoked key, an account without money. Nobody's request can mend that, so others are asked, and the operator is told."""

from gateway.base.core.plan import Deployment
from gateway.base.core.route import Health
from gateway.base.telemetry.log import log

_AWAY_MS = 60_000


def rejected(deployment: Deployment, health: Health, status: int) -> int:
    """How many milliseconds the deployment is not asked again; told once for each time that it is closed out."""
    if health.is_closed(deployment.id):
        log(
            "error",
            "credential_rejected",
            provider=deployment.provider.id,
            deployment=deployment.id,
            status=status,
            consequence=f"not asked for {_AWAY_MS // 1000} s; other deployments and models answer, where there are any",
            hint="replace its credential in `providers`; a reload takes it over without a restart",
        )
    return _AWAY_MS
