"""A headless Chromium for the tests, with a profile of its own."""

import tempfile
from contextlib import contextmanager

from ..programs import needed

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


@contextmanager
def browser(*, dark=False, phone=False):
    """A driver; `dark` sets the preference, `phone` a small touch screen."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = needed("chromium", "chromium chromium-driver")
    driver_path = needed("chromedriver", "chromium chromium-driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"):
            options.add_argument(flag)
        if phone:
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": PHONE})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(driver_path))
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


def css(driver, selector):
    """The first element that the selector names."""
    from selenium.webdriver.common.by import By

    return driver.find_element(By.CSS_SELECTOR, selector)


def press(driver, selector, *keys):
    """Keys sent to the element."""
    css(driver, selector).send_keys(*keys)


def wait_for(driver, script):
    """Until the script's value is true, and returns it."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, 30, 0.02).until(lambda d: d.execute_script(f"return {script}"))


def choose(driver, selector, text):
    """The option of a list with that text."""
    from selenium.webdriver.support.ui import Select

    Select(css(driver, selector)).select_by_visible_text(text)
