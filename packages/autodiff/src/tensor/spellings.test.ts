/** Every spelling of our own operators gives the same values and gradients. */
import { describe, expect, test, vi } from 'vitest'
import { evaluate, expectClose, type Case } from './check.test.support.ts'
import { elementwise } from './cases/elementwise.test.support.ts'
import { activations } from './cases/activation.test.support.ts'
import { forwardConvs } from './cases/conv.test.support.ts'
import { averagePools, maxPools } from './cases/pool.test.support.ts'
import { differentiate } from './differentiate.ts'
import { relu } from './activation.ts'
import { clip } from './elementwise.ts'
import { definedOps, type Tensor } from './tensor.ts'
import { real } from './values.test.support.ts'

const picture = (name: string, f: (x: Tensor) => Tensor): Case => ({
  name: `${name} of pictures`,
  f,
  args: [real([-1, 3, 4, 4], -2, 8, [0, 6])],
})
/** ONNX's shape inference keeps a window that starts beyond the input; what ONNX Runtime returns has none. */
const inferable = (one: Case) => !one.name.includes('beyond the input')

const tables: Readonly<Record<string, readonly Case[]>> = {
  ConvDataGradient: forwardConvs,
  ConvWeightGradient: forwardConvs,
  MaxPoolGradient: maxPools.filter(inferable),
  MaxPoolPick: maxPools.filter(inferable),
  WindowSpread: averagePools.filter(inferable),
  PositiveFilter: [...activations.filter((c) => c.name.startsWith('Relu')), picture('Relu', relu)],
  RangeFilter: elementwise.filter((c) => c.name.startsWith('Clip')),
  InsideFilter: [...elementwise.filter((c) => c.name === 'Relu6'), picture('Relu6', (x) => clip(x, 0, 6))],
}
/** One way only: nothing to compare. */
const single = ['Alias', 'StopGradient']

/** The gradient's own gradient is among the outputs, so that adjoint operators are reached too. */
const twice = (one: Case): Case => ({
  ...one,
  f: (...args: Tensor[]) => {
    const y = one.f(...args) as Tensor
    const x = args[0]!
    const g = differentiate(y.square().sum(), [x])[0]!
    return [y, g, differentiate(g.mul(x).sum(), [x])[0]!]
  },
})

test('every operator with spellings is in the table', () => {
  const ops = [...definedOps()].filter(([, d]) => d.spellings).map(([op]) => op)
  expect(ops.toSorted()).toEqual([...Object.keys(tables), ...single].toSorted())
  for (const [op, cases] of Object.entries(tables)) expect(cases.length, op).toBeGreaterThan(0)
})

for (const [op, cases] of Object.entries(tables))
  describe(op, () => {
    const spellings = definedOps().get(op)!.spellings!
    const used = Object.keys(spellings).map((name) =>
      vi.spyOn(spellings as Record<string, () => unknown>, name),
    )
    for (const one of cases.map(twice))
      test(one.name, async () => {
        const usual = await evaluate(one)
        for (const name of Object.keys(spellings)) {
          const results = await evaluate(one, { [op]: name })
          results.values.forEach((y, i) => expectClose(y, usual.values[i]!, `${name}, output ${i}`, 1e-4))
          results.gradients.forEach((g, i) =>
            expectClose(g, usual.gradients[i]!, `${name}, gradient ${i}`, 1e-4),
          )
        }
      })
    test('each was written at least once', () => {
      for (const spy of used)
        expect(
          spy.mock.results.some((r) => r.type === 'return'),
          spy.getMockName(),
        ).toBe(true)
    })
  })
