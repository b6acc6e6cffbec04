"""What was said to receivers, of a service under test."""

from nines.service import Service


async def kinds_told(service: Service) -> list[str]:
    """The kinds of all notifications, by incident, the newest incident first."""
    page = await service.live.incidents(state=None, service=None, cursor=None, limit=50)
    found = []
    for incident in page.incidents:
        detail = await service.live.incident(incident.id)
        assert detail is not None
        found += [str(one.kind) for one in detail.notifications]
    return found
