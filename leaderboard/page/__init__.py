"""The leaderboard as one HTML page that needs no network: sorted, searched and drilled into in the browser.

- What is on it: :mod:`leaderboard.page.content`, :mod:`leaderboard.page.behind_a_row`
- How it looks and behaves: ``page.html.jinja``, ``page.css``, ``page.js``, and in ``datatables/`` the library
  DataTables 3.1.5 (https://datatables.net, MIT licence, no dependencies), as published on npm
"""

from leaderboard.page.render import render_page

__all__ = ["render_page"]
