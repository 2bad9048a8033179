"""infinity-emb's own command, and a line on standard output once it answers.

python infinity_server.py FOLDER PORT
"""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def main(folder: str, port: str) -> None:
    command = [str(Path(sys.executable).parent / "infinity_emb"), "v2", "--port", port]
    command += ["--model-id", folder, "--served-model-name", "bench", "--host", "127.0.0.1"]
    command += ["--engine", "torch", "--device", "cpu", "--dtype", "float32"]
    server = subprocess.Popen(command, stdout=sys.stderr)
    while server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
            break
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    if server.poll() is None:
        print("listening", flush=True)
    sys.exit(server.wait())


if __name__ == "__main__":
    main(*sys.argv[1:])
