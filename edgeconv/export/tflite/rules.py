from edgeconv.quantize.plan import Plan
import onnx_ir as ir
def check_plan(model: ir.Model, plan: Plan) -> None:
    pass
