import http.client
import threading

import pytest

from clipbench.errors import DataError
from clipbench.report.view import view

from . import pages
from .chromium import browser


@pytest.fixture
def server(tmp_path):
    pages.measured(tmp_path)
    server = view(tmp_path)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ask(server, path, host=None):
    connection = http.client.HTTPConnection(*server.server_address, timeout=30)
    connection.request("GET", path, headers={"Host": host} if host else {})
    response = connection.getresponse()
    return response.status, response.getheader("Content-Type"), response.read()


def home(server):
    return "/" + server.url.split("/", 3)[3]


def test_the_page_is_served_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    status, kind, body = ask(server, home(server))
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert b"Zero-shot classification" in body
    assert b"img-src data: &#x27;self&#x27;" in body


@pytest.mark.parametrize("path", ["/", "/index.html", "/x/", "/x/picture/0/0", "/../etc/passwd"])
def test_an_address_without_the_key_is_not_found(server, path):
    assert ask(server, path)[0] == 404


def test_another_host_name_is_refused(server):
    assert ask(server, home(server), host="evil.example")[0] == 404


@pytest.mark.parametrize("rest", ["picture/0/0", "picture/99/0", "picture/0/99999", "picture/a/b"])
def test_a_picture_that_is_not_there_is_not_found(server, rest):
    ask(server, home(server))
    assert ask(server, home(server) + rest)[0] == 404


def test_a_damaged_result_is_named_on_the_page(server, tmp_path):
    (tmp_path / "bad.result.json").write_text("{}")
    status, _, body = ask(server, home(server))
    assert status == 500
    assert b"bad.result.json" in body


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        view(tmp_path / "nowhere")


@pytest.mark.browser
def test_the_served_page_works_in_a_browser(server):
    from selenium.webdriver.support.ui import WebDriverWait

    with browser() as driver:
        driver.get(server.url)
        script = "return document.documentElement.dataset.ready === 'yes'"
        WebDriverWait(driver, 60).until(lambda d: d.execute_script(script))
        assert "CLIP benchmark" in driver.title
