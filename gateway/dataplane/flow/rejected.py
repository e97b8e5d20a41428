"""A provider that rejects our own credential: a revoked key, an account without money. Nobody's request can mend that, so others are asked, and the operator is told."""

from time import monotonic

from gateway.base.core.errors import CredentialRejected
from gateway.base.telemetry.log import log
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.routing import REJECTIONS

AWAY_MS = 60_000
"""How long the deployment is not asked again, where there is a plan."""


class Rejections:
    """What one worker has seen of them."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def of(self, ex: Exchange, status: int) -> CredentialRejected | None:
        """What the client reads in place of the provider's words where a plan could find nobody else; None where the answer passes as it is:
        without a plan, and where the credential is not ours.

        The log says it once a minute for each provider account.
        """
        deployment = ex.deployment
        if status not in REJECTIONS or deployment is None or (ex.grant is not None and ex.grant.passes_bearer):
            return None
        provider = deployment.provider
        if not (provider.headers or provider.sign):
            return None
        now = monotonic()
        if now >= self._told.get(provider.id, 0.0):
            self._told[provider.id] = now + AWAY_MS / 1000
            log(
                "error",
                "credential_rejected",
                provider=provider.id,
                deployment=deployment.id,
                status=status,
                consequence="other deployments and models answer, where there are any",
                hint="replace its credential in `providers`; a reload takes it over without a restart",
            )
        if ex.course is None:
            return None
        return CredentialRejected(
            f"provider `{provider.id}` rejects the gateway's credential (status {status}); your own key is good. Tell your platform team",
            upstream_status=status,
        )
