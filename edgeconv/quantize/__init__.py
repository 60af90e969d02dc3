"""From calibration photos to one quantization plan that every writer obeys.

    equalize -> observe -> ranges.choose -> planner.build_plan -> rules.check_plan

`recipe.quantize` runs them all; `summary.summarize` says in JSON what came out.
"""
