"""A tiny vocabulary and texts made of it, for tests in this process and in others."""

CLUSTERS = [
    ["film", "movie", "picture", "story", "plot"],
    ["good", "great", "fine", "superb", "lovely"],
    ["bad", "awful", "poor", "dull", "weak"],
    ["actor", "actress", "director", "writer", "audience"],
    ["finds", "makes", "takes", "gives", "shows"],
]
"""Words of a tiny vocabulary, alike within a row."""

SENTENCES = [
    "the film is a good story and the actor makes a great picture",
    "a dull plot with an awful director",
    "the audience finds the movie superb",
    "this writer gives a weak story to a poor actress",
]
