"""Methods from an installed package, through its entry point."""

import os
import re
import subprocess
import sys


def test_method_of_an_installed_package_is_listed(tmp_path):
    (tmp_path / "their_methods.py").write_text(
        "from methods import Method, register\n\n@register('theirs')\nclass Theirs(Method):\n    '''Their method.'''\n",
        encoding="utf-8",
    )
    information = tmp_path / "their_methods-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: their-methods\nVersion: 1.0\n", encoding="utf-8"
    )
    (information / "entry_points.txt").write_text(
        "[roast_bench.methods]\ntheirs = their_methods:Theirs\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmark", "list", "methods"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"^theirs +Their method\.$", done.stdout, flags=re.MULTILINE)
