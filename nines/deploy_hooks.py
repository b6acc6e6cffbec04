"""Take what GitHub and GitLab tell of releases: believe it or not, and put it on record."""

from collections.abc import Callable, Mapping
from datetime import datetime

from alerting.callbacks import release
from alerting.callbacks.refusal import PutOffError, RefusedError
from alerting.callbacks.release import Release
from dashboards.logbook import Logbook
from nines.config.deployments import DeploymentsConfig
from nines.storage.errors import StorageError
from slo.deployment import Rollout
from slo.planning import PlanError


class DeployHooks:
    """Implements web.deploy_hooks.DeployHooks."""

    def __init__(
        self,
        config: Callable[[], DeploymentsConfig],
        logbook: Logbook,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._logbook = logbook
        self._now = now

    async def github(self, headers: Mapping[str, str], body: bytes) -> str:
        hook = self._config().github
        if hook is None:
            raise RefusedError(404, "deployments.github is not configured.")
        release.verify_github(hook.secret.value, headers, body)
        if headers.get("x-github-event") != "deployment_status":
            return "Only deployment_status is looked at."
        return await self._take(release.read_github(body, self._now()), "github")

    async def gitlab(self, headers: Mapping[str, str], body: bytes) -> str:
        hook = self._config().gitlab
        if hook is None:
            raise RefusedError(404, "deployments.gitlab is not configured.")
        release.verify_gitlab(hook.token.value, headers)
        return await self._take(release.read_gitlab(body, self._now()), "gitlab")

    async def _take(self, told: Release | None, origin: str) -> str:
        config = self._config()
        if told is None:
            return "Only a deployment that succeeded is a release."
        if config.environments and told.environment not in config.environments:
            return f"{told.environment} is none of deployments.environments."
        services = config.repositories.get(told.repository)
        if not services:
            raise RefusedError(422, f"{told.repository} is none of deployments.repositories.")
        fresh = [await self._deploy(told, service, origin) for service in services]
        word = "On record" if any(fresh) else "On record already"
        return f"{word}: {', '.join(services)} {told.version}."

    async def _deploy(self, told: Release, service: str, origin: str) -> bool:
        rollout = Rollout(
            service=service,
            version=told.version,
            at=told.at,
            by=told.by,
            environment=told.environment,
            commit=told.commit,
            url=told.url,
            origin=origin,
            key=f"{told.key}:{service}",
        )
        try:
            _, is_new = await self._logbook.deploy(rollout)
        except PlanError as error:
            raise RefusedError(422, f"{str(error).capitalize()}.") from error
        except StorageError as error:
            raise PutOffError("It cannot be stored at present; send it again.") from error
        return is_new
