"""GenAI metrics: what operations take, use and cost, counted at 100 % whatever share of traces is sent."""
