"""From calibration photos to one quantization plan that every writer obeys.

observe -> ranges.choose -> planner.build_plan -> rules.check_plan -> summary.summarize
"""
