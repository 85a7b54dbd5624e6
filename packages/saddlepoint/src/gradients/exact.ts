/** The derivative of the model itself. */
import type { GradientRule } from './gradient.ts'

export const exact: GradientRule = {
  name: 'exact',
  reference: 'reverse-mode differentiation of the ONNX graph',
  access: 'gradient',
  slope(scope, p, climb) {
    const logits = scope.evaluate(p)
    const value = climb(logits)
    return { logits, value, gradient: scope.derivative(value, p) }
  },
}
