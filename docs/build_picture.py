"""Makes the picture on README's first screen: `make pictures`, with Playwright and Chromium.

Three small networks are trained on the digits, and `handgrad serve` shows them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parent / "images" / "serve.png"
RUNS = Path("build/pictures")
NETWORKS = {
    "relu": ["-a", "relu"],
    "tanh": ["-a", "tanh"],
    "plain": ["--preset", "plain", "-o", "momentum", "-lr", "0.05"],
}
HANDGRAD = (sys.executable, "-m", "handgrad")


def main() -> None:
    """Writes the picture, 1,160 by 600 pixels."""
    shutil.rmtree(RUNS, ignore_errors=True)
    for name, words in NETWORKS.items():
        train = [*HANDGRAD, "train", "-d", "digits", "-e", "15", "--name", name, "--runs_dir", str(RUNS), "--no_report"]
        subprocess.run([*train, *words], check=True, stdout=subprocess.DEVNULL)
    serve = [*HANDGRAD, "serve", "--no_browser", "--port", "0", "--runs_dir", str(RUNS)]
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stdout is not None
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page(
            viewport={"width": 1160, "height": 600}
        )
        page.goto(server.stdout.readline().strip())
        page.wait_for_selector(".plot canvas")
        page.wait_for_selector(f"#table tbody tr >> nth={len(NETWORKS) - 1}")
        page.wait_for_timeout(1000)  # the curves are drawn
        page.screenshot(path=PICTURE)
        server.terminate()
    Image.open(PICTURE).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(PICTURE)


if __name__ == "__main__":
    main()
