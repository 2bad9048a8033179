"""A headless Chromium for the tests, with a profile of its own."""

import shutil
import tempfile
from contextlib import contextmanager

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
)
PHONE = {"width": 390, "height": 844, "pixelRatio": 2}


def why_not():
    """Why no browser test can run here; empty when they can."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        return "no chromium: apt-get install chromium chromium-driver"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "no selenium: pip install -r requirements-dev.lock"
    return ""


needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one"),
]


@contextmanager
def browser(*, dark=False, phone=False):
    """A driver; `dark` sets the preference, `phone` a small touch screen."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"):
            options.add_argument(flag)
        if phone:
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": PHONE})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            yield driver
        finally:
            driver.quit()


def open_page(driver, path):
    """Open a file and wait until its scripts are through; fails on any message in the console."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(path.as_uri())
    script = "return document.documentElement.dataset.ready === 'yes'"
    WebDriverWait(driver, 60, 0.02).until(lambda d: d.execute_script(script))
    assert [entry["message"] for entry in driver.get_log("browser")] == []
