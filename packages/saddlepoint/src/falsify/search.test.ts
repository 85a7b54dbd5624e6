/** The search on models whose counterexamples are known, and its witnesses. */
import {
  constant,
  emitBytes,
  float32,
  input,
  load,
  matMul,
  relu,
  softmax,
  type Model,
  type Tensor,
} from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { falsify } from './search.ts'
import { parseVnnlib } from './vnnlib.ts'
import { decimal, float32Bounds, formatWitness } from './witness.ts'

const INPUTS = 12

/** y = f(W x) of an input in any layout. */
function network(
  rows: readonly (readonly number[])[],
  shape: readonly number[] = [-1, INPUTS],
  f: (y: Tensor) => Tensor = (y) => y,
): Promise<Model> {
  const x = input('x', 'float32', shape)
  const w = constant(float32([rows.length, INPUTS], rows.flat()))
  const scores = matMul(x.reshape([shape[0]!, INPUTS]), w.transpose([1, 0]))
  return load(emitBytes([x], { y: f(scores) }))
}

const random = new Random(7)
const weights = (n: number) =>
  Array.from({ length: n }, () => Array.from({ length: INPUTS }, () => random.normal()))
const rows3 = weights(3)
/** The largest Y_0 on the box [−1, 1]ⁿ. */
const largest = (row: readonly number[]) => row.reduce((s, v) => s + Math.abs(Math.fround(v)), 0)

function specification(outputs: number, body: string, [low, high] = [-1, 1]) {
  const names = Array.from({ length: INPUTS }, (_, i) => `X_${i}`)
  return parseVnnlib(
    [
      ...names.map((x) => `(declare-const ${x} Real) (assert (>= ${x} ${low})) (assert (<= ${x} ${high}))`),
      ...Array.from({ length: outputs }, (_, j) => `(declare-const Y_${j} Real)`),
      body,
    ].join('\n'),
  )
}

const quick = { timeoutSeconds: 1.5, workers: 1 }

describe('a linear model', () => {
  test.each([[[-1, INPUTS]], [[1, INPUTS]], [[-1, 3, 2, 2]], [[1, 3, 4, 1]]])(
    'reaches the corner that is the optimum, input %j',
    async (shape) => {
      const model = await network(rows3, shape)
      const bound = largest(rows3[0]!) * 0.9999
      const { witness } = await falsify(model, specification(3, `(assert (>= Y_0 ${bound}))`), quick)
      expect(witness?.margin).toBeLessThanOrEqual(0)
    },
  )
  test('finds nothing beyond the optimum, and says how near it came', async () => {
    const model = await network(rows3)
    const bound = largest(rows3[0]!) * 1.001
    const { witness, margins, gradients } = await falsify(
      model,
      specification(3, `(assert (>= Y_0 ${bound}))`),
      quick,
    )
    expect(witness).toBeUndefined()
    expect(margins[0]).toBeCloseTo(bound / 1001, 4)
    expect(gradients).toBeGreaterThan(100)
  })
  test('finds the only disjunct of many that can be met, in its own box', async () => {
    const model = await network(rows3)
    const never = largest(rows3[0]!) * 1.01
    const ways = Array.from({ length: 40 }, (_, i) => `(>= Y_0 ${never + i})`).join(' ')
    const spec = specification(
      3,
      `(assert (or ${ways} (and (<= X_0 -0.5) (>= X_1 0.25) (<= X_1 0.25) (>= Y_0 Y_1))))`,
    )
    const { witness } = await falsify(model, spec, quick)
    expect(witness?.disjunct).toBe(40)
    expect(Number(witness!.inputs[0])).toBeLessThanOrEqual(-0.5)
    expect(witness!.inputs[1]).toBe('0.25')
  })
  test('meets a conjunction', async () => {
    const model = await network(rows3)
    const spec = specification(
      3,
      '(assert (>= Y_0 Y_1)) (assert (>= Y_0 Y_2)) (assert (<= Y_0 1)) (assert (>= Y_0 0.9))',
    )
    const { witness } = await falsify(model, spec, quick)
    const [a, b, c] = witness!.outputs.map(Number) as [number, number, number]
    expect(a).toBeGreaterThanOrEqual(Math.max(b, c, 0.9))
    expect(a).toBeLessThanOrEqual(1)
  })
})

describe('what counts', () => {
  test('a tie does', async () => {
    const dead = await network(rows3, [-1, INPUTS], (y) => relu(y.sub(1000)))
    const { witness } = await falsify(dead, specification(3, '(assert (>= Y_0 Y_1))'), quick)
    expect(witness?.margin).toBe(0)
  })
  test('a point at a box of no width, that float32 does not hold', async () => {
    const model = await network(rows3)
    const { witness } = await falsify(model, specification(3, '', [0.1, 0.1]), quick)
    expect(witness!.inputs).toEqual(Array.from({ length: INPUTS }, () => '0.1'))
    expect(witness!.margin).toBe(-Infinity)
  })
  test('comparisons behind a saturated softmax', async () => {
    const model = await network(rows3, [-1, INPUTS], (y) => softmax(y.mul(50)))
    const { witness } = await falsify(
      model,
      specification(3, '(assert (>= Y_1 Y_0)) (assert (>= Y_1 Y_2))'),
      quick,
    )
    expect(witness?.margin).toBeLessThanOrEqual(0)
  })
  test('a contradiction is not searched', async () => {
    const model = await network(rows3)
    const found = await falsify(model, specification(3, '(assert (<= X_0 -2))'), quick)
    expect(found).toEqual({ witness: undefined, gradients: 0, margins: [] })
  })
  test('other numbers of inputs or outputs are refused', async () => {
    const model = await network(rows3)
    await expect(falsify(model, specification(4, ''), quick)).rejects.toThrow(
      'the specification has 4 outputs Y_j, the model 3',
    )
  })
  test('an aborted search ends', async () => {
    const model = await network(rows3)
    const spec = specification(3, '(assert (>= Y_0 1e6))')
    const { witness } = await falsify(model, spec, { timeoutSeconds: 60, signal: AbortSignal.timeout(200) })
    expect(witness).toBeUndefined()
  })
  test('the same seed gives the same witness', async () => {
    const model = await network(rows3)
    const spec = specification(3, `(assert (>= Y_0 ${largest(rows3[0]!) * 0.9999}))`)
    const [a, b] = [await falsify(model, spec, quick), await falsify(model, spec, quick)]
    expect(a.witness).toEqual(b.witness)
  })
})

describe('numbers of a witness', () => {
  test('are the shortest that are fed as the float32 and lie in the bounds', () => {
    const tenth = Math.fround(0.1)
    expect(decimal(tenth)).toBe('0.1')
    expect(decimal(tenth, 0.1000000005)).toBe('0.100000001')
    expect(decimal(tenth, 0.1, 0.1)).toBe('0.1')
    expect(Math.fround(Number(decimal(Math.fround(1e-20))))).toBe(Math.fround(1e-20))
  })
  test('any float32 comes back', () => {
    for (let i = 0; i < 2000; i++) {
      const v = Math.fround(random.normal() * 10 ** random.uniform(-30, 30))
      expect(Math.fround(Number(decimal(v)))).toBe(v)
    }
  })
  test('bounds are rounded inwards', () => {
    const v = [0.1, -0.1, 1 / 3, -1 / 3, 1e-50, -1e-50, 0, 1, -1]
    const { low, high } = float32Bounds({
      low: Float64Array.from(v),
      high: Float64Array.from(v, (x) => x + 1),
    })
    v.forEach((x, i) => {
      expect(low[i]).toBeGreaterThanOrEqual(x)
      expect(low[i]! - x).toBeLessThanOrEqual(Math.max(Math.abs(x) * 2 ** -22, 2 ** -149))
      expect(high[i]).toBeLessThanOrEqual(x + 1)
    })
  })
  test('stand in one list', () => {
    const witness = { disjunct: 0, inputs: ['1', '-0.5'], outputs: ['2e-7'], margin: 0 }
    expect(formatWitness(witness)).toBe('((X_0 1)\n (X_1 -0.5)\n (Y_0 2e-7))')
  })
})
