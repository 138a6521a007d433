"""From record files to tables, pages and pictures.

- What a cell leaves behind, and reading it back: :mod:`leaderboard.record`
- Which records may stand in one table: :mod:`leaderboard.setting`
- How rows, Δ and rank are computed: :mod:`leaderboard.aggregate`
- Whether differences are more than chance: :mod:`leaderboard.significance`
- What a column covers and which data are partial: :mod:`leaderboard.coverage`
- Parts of it, other orders: :mod:`leaderboard.selection`; what changed since an older one: :mod:`leaderboard.changes`
- The files: :mod:`leaderboard.write`, from :mod:`~leaderboard.markdown`, :mod:`~leaderboard.csv_table`,
  :mod:`~leaderboard.latex`, :mod:`~leaderboard.json_document`, :mod:`~leaderboard.page` (HTML) and
  :mod:`~leaderboard.plots`; on a terminal: :mod:`leaderboard.terminal`

Nothing is imported here: reading a record must not load the plotting library.
"""
