"""Make the pictures of one page as PagerDuty, Slack and a mail program get it."""

import asyncio
import html
import json
from collections.abc import Mapping

from playwright.async_api import Page, async_playwright

from alerting.receivers import RECEIVERS
from alerting.receivers.samples import samples
from nines.demo.inbox import Inbox
from scripts.screenshots import CHROMIUM, IMAGES
from scripts.small import keep

_HOME = "https://nines.example"
_PRE = (
    "<body style='margin:0;padding:16px;background:#fff;color:#111'>"
    "<pre style='margin:0;font:13px/1.5 monospace;white-space:pre-wrap'>{}</pre></body>"
)


def _receivers(inbox: Inbox) -> Mapping[str, Mapping[str, object]]:
    return {
        "pagerduty": {"routing_key": "0" * 32, "url": inbox.url},
        "slack": {"token": "xoxb-demo", "channel": "#oncall", "url": inbox.url},
        "email": {"smtp": inbox.smtp_url, "from": "nines@example.com", "to": ["mia@example.com"]},
    }


async def main() -> None:
    """Send one page by the real receivers to the demo's inbox, and show what came there."""
    message = next(iter(samples()))
    async with Inbox.start() as inbox:
        for kind, settings in _receivers(inbox).items():
            made = RECEIVERS[kind]
            receiver = made.build(made.config.model_validate(settings), external_url=_HOME)
            await receiver.deliver(message, handle={}, attempt=1)
            await receiver.close()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox"]
            )
            page = await browser.new_page(viewport={"width": 720, "height": 400})
            await _show(page, inbox)
            await browser.close()


async def _show(page: Page, inbox: Inbox) -> None:
    (incident,), (mail,) = inbox.pagerduty, inbox.mails
    event = json.dumps(incident.events[-1], indent=2, ensure_ascii=False)
    for name, text in (("pagerduty", event), ("mail-text", f"{mail.subject}\n\n{mail.text}")):
        await page.set_content(_PRE.format(html.escape(text)))
        keep(await page.screenshot(full_page=True), IMAGES / f"page-{name}.png")
    await page.goto(f"{inbox.url}/")
    slack = page.locator("section[aria-labelledby=slack] article").first
    keep(await slack.screenshot(), IMAGES / "page-slack.png")
    await page.goto(f"{inbox.url}/mails/{mail.number}")
    keep(await page.screenshot(full_page=True), IMAGES / "page-mail.png")


if __name__ == "__main__":
    asyncio.run(main())
