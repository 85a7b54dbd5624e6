/** Every operator with a gradient rule stands in the table of cases, or here with the reason why not. */
import { expect, test } from 'vitest'
import { families } from './cases/all.test.support.ts'
import { ancestors, differentiate } from './differentiate.ts'
import { constant, definedOps, input, type Tensor } from './index.ts'
import { ndarray, sizeOf } from './array.ts'
import { atBatch } from './shape.ts'

const elsewhere: Readonly<Record<string, string>> = {
  QuantizeLinear: 'straight-through: quantize.test.ts',
  DequantizeLinear: 'straight-through: quantize.test.ts',
  MaxPoolPick: 'second order: spellings.test.ts',
}

test('every operator with a rule is in the table', () => {
  const seen = new Set<string>()
  for (const { f, args } of Object.values(families).flat()) {
    const symbols = args.map((a, i) => {
      const type = a.type ?? 'float32'
      if (!a.constant) return input(`x${i}`, type, a.shape)
      const dims = atBatch(a.shape, 1)
      return constant(
        ndarray(
          type,
          dims,
          Array.from({ length: sizeOf(dims) }, () => 1),
        ),
      )
    })
    const result = f(...symbols)
    const outputs = Array.isArray(result) ? (result as Tensor[]) : [result as Tensor]
    const wrt = symbols.filter((t) => t.type === 'float32' && t.node.op === 'Input')
    const gradients = outputs.flatMap((y) => differentiate(y, wrt)).filter((g) => g !== undefined)
    for (const node of ancestors([...outputs, ...gradients])) seen.add(node.op)
  }
  const ruled = [...definedOps()].filter(([, d]) => typeof d.gradient === 'function').map(([op]) => op)
  const missing = ruled.filter((op) => !seen.has(op))
  expect(missing.toSorted()).toEqual(Object.keys(elsewhere).toSorted())
})
