/** Explanations against what they must be on functions whose slopes are known. */
import {
  constant,
  conv,
  createEngine,
  emitBytes,
  float32,
  globalAveragePool,
  input,
  linear,
  relu,
  type NDArray,
} from '@saddlepoint/autodiff'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linearModel } from '../linear-model.test.support.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { Random } from '../random/philox.ts'
import { parseExplanation } from './registry.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const numbers = ({ data }: NDArray) => Array.from(data as Float32Array)
function close(found: ArrayLike<number>, wanted: ArrayLike<number>, digits = 4): void {
  expect(found.length).toBe(wanted.length)
  Array.from(wanted).forEach((v, i) => expect(found[i]).toBeCloseTo(v, digits))
}

describe('on a linear model', async () => {
  const [H, W] = [4, 6]
  const { model, x } = await linearModel(
    { classes: 3, features: H * W, samples: 2, seed: 3, shape: [1, H, W] },
    [0, 1],
  )
  const classes = [2, 0]
  const w = numbers(model.model.parameters['weight']!)
  const slopes = classes.flatMap((c) => w.slice(c * H * W, (c + 1) * H * W))
  const values = numbers(x)
  const ask = (text: string) => parseExplanation(text).explain(model, x, { classes, batchSize: 7 })

  test.each(['gradient', 'smoothgrad:n=5', 'smoothgrad:n=3,sigma=0.5'])('%s is the weights', async (text) => {
    close(numbers((await ask(text)).attribution), slopes)
  })
  test('squares and variance of equal gradients', async () => {
    const { attribution } = await ask('smoothgrad-squared:n=4')
    close(
      numbers(attribution),
      slopes.map((v) => v * v),
    )
    for (const v of numbers((await ask('vargrad:n=4')).attribution)) expect(Math.abs(v)).toBeLessThan(1e-4)
  })
  test('absolute slopes', async () => {
    close(numbers((await ask('gradient:absolute=true')).attribution), slopes.map(Math.abs))
  })
  test('gradient-x-input is what each value contributes', async () => {
    close(
      numbers((await ask('gradient-x-input')).attribution),
      slopes.map((v, i) => v * values[i]!),
    )
  })
  test.each([
    ['black', () => 0],
    ['white', () => 1],
    ['grey', () => 0.5],
    ['mean', (i: number) => mean(values.slice(i < H * W ? 0 : H * W, i < H * W ? H * W : 2 * H * W))],
  ] as const)('integrated gradients from %s: weights times distance, and complete', async (name, from) => {
    const { attribution, figures } = await ask(`integrated-gradients:baseline=${name},steps=3`)
    close(
      numbers(attribution),
      slopes.map((v, i) => v * (values[i]! - from(i))),
    )
    close(figures['sum']!, figures['difference']!)
  })
  test('occlusion by single values is what each contributes', async () => {
    close(
      numbers((await ask('occlusion:window=1,stride=1,baseline=black')).attribution),
      slopes.map((v, i) => v * values[i]!),
    )
  })
  test('occlusion by windows: what the window holds, at the border what is left of it', async () => {
    const found = numbers((await ask('occlusion:window=4,stride=4,baseline=black')).attribution)
    const inside = (from: number, to: number) => {
      let total = 0
      for (let i = 0; i < H; i++)
        for (let j = from; j < to; j++) total += slopes[i * W + j]! * values[i * W + j]!
      return total
    }
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++) expect(found[i * W + j]).toBeCloseTo(j < 4 ? inside(0, 4) : inside(4, W), 4)
  })
  test('of the loss: the slope of −log p', async () => {
    const { attribution } = await parseExplanation('gradient').explain(model, x, {
      classes,
      of: 'cross-entropy',
    })
    const scores = numbers(await model.predict(x)).slice(0, 3)
    const powers = scores.map((s) => Math.exp(s - Math.max(...scores)))
    const p = powers.map((v) => v / powers.reduce((a, b) => a + b))
    const wanted = Array.from({ length: H * W }, (_, i) =>
      p.reduce((sum, pk, k) => sum + (pk - (k === classes[0] ? 1 : 0)) * w[k * H * W + i]!, 0),
    )
    close(numbers(attribution).slice(0, H * W), wanted)
  })
  test('the most likely class where none is given', async () => {
    const { classes: found } = await parseExplanation('gradient').explain(model, x)
    expect(found).toEqual(model.decide(await model.predict(x)).map((d) => d.label))
  })
  test('results do not depend on the batch', async () => {
    const each = await Promise.all(
      [1, 64].map((batchSize) => parseExplanation('vargrad:n=5').explain(model, x, { classes, batchSize })),
    )
    close(numbers(each[0]!.attribution), numbers(each[1]!.attribution), 3)
  })
  test('what it cannot do is told', async () => {
    await expect(parseExplanation('gradient').explain(model, x, { classes: [3, 0] })).rejects.toThrow(
      /no class 3/,
    )
    await expect(ask('grad-cam')).rejects.toThrow(/no convolution/)
    expect(() => parseExplanation('smoothgrad:sigmas=1')).toThrow(/no option sigmas; it has n, sigma/)
    expect(() => parseExplanation('smothgrad')).toThrow(/there is no explanation "smothgrad"/)
  })
})

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length

describe('on a small convolutional network', () => {
  const side = 6
  const random = new Random(7)
  const draw = (n: number) => Float32Array.from({ length: n }, () => random.normal())
  const [kernels, head] = [draw(4 * 2 * 9), draw(3 * 4)]
  const x = float32(
    [2, 2, side, side],
    Float32Array.from({ length: 2 * 2 * side * side }, () => random.uniform()),
  )
  let model: Classifier
  beforeAll(async () => {
    const port = input('x', 'float32', [-1, 2, side, side])
    const maps = conv(port, constant(float32([4, 2, 3, 3], kernels), 'kernels'))
    const pooled = globalAveragePool(relu(maps)).reshape([-1, 4])
    model = await classifier(emitBytes([port], { logits: linear(pooled, constant(float32([3, 4], head))) }), {
      engine,
    })
  })

  test('grad-cam: class activation maps where pooling is global, for any layer the mean slope', async () => {
    const inner = side - 2
    const maps = (i: number, j: number) =>
      Array.from({ length: 4 }, (_, k) => {
        let sum = 0
        for (let c = 0; c < 2; c++)
          for (let u = 0; u < 3; u++)
            for (let v = 0; v < 3; v++)
              sum +=
                kernels[((k * 2 + c) * 3 + u) * 3 + v]! * Number(x.data[(c * side + i + u) * side + j + v])
        return sum
      })
    const places = Array.from({ length: inner * inner }, (_, p) => maps(Math.floor(p / inner), p % inner))
    const slope = (k: number) => head[4 + k]! / (inner * inner)
    const active = (k: number) => mean(places.map((m) => (m[k]! > 0 ? 1 : 0)))
    const corner = async (options: string) => {
      const method = parseExplanation(`grad-cam:positive=false${options}`)
      const { attribution } = await method.explain(model, x, { classes: [1, 1] })
      expect(attribution.dims).toEqual([2, 1, side, side])
      // A corner of the enlarged map repeats the map's own corner.
      return Number(attribution.data[0])
    }
    const sum = (part: (v: number, k: number) => number) =>
      places[0]!.reduce((total, v, k) => total + part(v, k), 0)
    expect(await corner('')).toBeCloseTo(
      sum((v, k) => Math.max(v, 0) * slope(k)),
      5,
    )
    const layer = model.model.source.graph.nodes.find((n) => n.op === 'Conv')!.outputs[0]!
    expect(await corner(`,layer=${layer}`)).toBeCloseTo(
      sum((v, k) => v * slope(k) * active(k)),
      5,
    )
  })
  test('grad-cam of a layer by name, and of none that there is', async () => {
    const layer = model.model.source.graph.nodes.find((n) => n.op === 'Relu')!.outputs[0]!
    const { attribution } = await parseExplanation(`grad-cam:layer=${layer}`).explain(model, x)
    expect(Math.min(...numbers(attribution))).toBeGreaterThanOrEqual(0)
    await expect(parseExplanation('grad-cam:layer=conv9').explain(model, x)).rejects.toThrow(/conv9/)
  })
  test('integrated gradients are complete to the accuracy of the integral', async () => {
    const { figures } = await parseExplanation('integrated-gradients:steps=200').explain(model, x)
    close(figures['sum']!, figures['difference']!, 3)
  })
  test('SmoothGrad tends to the slope of the smoothed score', async () => {
    const slopes = await Promise.all(
      [0, 1].map((seed) => parseExplanation('smoothgrad:n=200').explain(model, x, { seed, batchSize: 64 })),
    )
    const [a, b] = slopes.map(({ attribution }) => numbers(attribution)) as [number[], number[]]
    const dot = (u: number[], v: number[]) => u.reduce((sum, e, i) => sum + e * v[i]!, 0)
    expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(0.99)
    expect(a).not.toEqual(b)
  })
})
