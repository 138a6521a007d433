"""From record files to tables and pictures.

- What a cell leaves behind, and reading it back: :mod:`leaderboard.record`
- Which records may stand in one table: :mod:`leaderboard.setting`
- How rows, Δ and rank are computed: :mod:`leaderboard.aggregate`
- What a column covers and which data are partial: :mod:`leaderboard.coverage`
- The files: :mod:`leaderboard.write`, from :mod:`~leaderboard.markdown`, :mod:`~leaderboard.csv_table` and
  :mod:`~leaderboard.picture`; on a terminal: :mod:`leaderboard.terminal`

Nothing is imported here: reading a record must not load the plotting library.
"""
