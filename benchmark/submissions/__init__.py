"""Records from others, validated before they stand on a public leaderboard."""
