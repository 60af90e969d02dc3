"""What a recipe is made of: each step improves an int8 form under way, or turns out not to.

A step is one of three kinds, and they come in this order:

    repair    changes the float graph without changing its function, which is observed anew
    setting   changes how the plan is made of what was observed
    finish    changes the finished plan's integers; done again once the plan is of all photos
"""

from edgeconv.quantize.recipe.steps.step import RANGES_STEP, Step, StepReport

__all__ = ["RANGES_STEP", "Step", "StepReport"]
