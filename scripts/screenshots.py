"""Make the pictures in docs/images from the running demo, with Debian's Chromium."""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import async_playwright

from nines.demo.run import Demo, DemoOptions
from nines.demo.simulation import Drill

CHROMIUM = "/usr/bin/chromium"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
# One outage that lasts until the pictures are taken.
_OUTAGE = (
    Drill(
        "Mewayz",
        "dead database behind a 200",
        seconds=600,
        pause=1,
    ),
)
_BURNING = "mewayz/availability"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def main() -> None:
    """Run the demo until an SLO burns, take the pictures, end it."""
    ready = asyncio.Event()
    options = DemoOptions(port=0, inbox_port=0, drills=_OUTAGE)
    demo = Demo(options, _say)
    running = asyncio.create_task(demo.run(lambda _: ready.set()))
    await ready.wait()
    service, inbox = demo.service, demo.inbox
    if service is None or inbox is None:
        raise RuntimeError("the demo did not start")
    while not any(incident.state == "triggered" for incident in inbox.pagerduty):  # noqa: ASYNC110 - a socket's far end
        await asyncio.sleep(1)
    url = service.config.server.external_url
    incident = next(i.dedup_key for i in inbox.pagerduty if i.state == "triggered")
    pages = {
        "overview": (f"{url}/", 1000),
        "slo": (f"{url}/slos/{_BURNING}", 1380),
        "incident": (f"{url}/incidents/{incident}", 1000),
        "inbox": (f"{inbox.url}/", 900),
        "status": (f"{url}/status", 1000),
        "wall": (f"{url}/wall?theme=dark", 675),
    }
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (address, height) in pages.items():
            page = await browser.new_page(viewport={"width": 1200, "height": height})
            await page.goto(address)
            await page.wait_for_timeout(1500)
            await page.screenshot(path=IMAGES / f"{name}.png")
            await page.close()
        await browser.close()
    service.stop.set()
    await running


if __name__ == "__main__":
    asyncio.run(main())
