import { describe, expect, test } from 'vitest'
import { float32, int64, sizeOf, type NDArray } from '../tensor/array.ts'
import { decodeModel } from '../onnx/decode.ts'
import { encodeModel } from '../onnx/encode.ts'
import { modelOf, node, random, value } from '../onnx/kit.test.support.ts'
import { crossEntropy, modelFile, plainSession, smooth } from './files.test.support.ts'
import { gradientGraph } from './gradient-graph.ts'
import { load } from './load.ts'

interface Case {
  readonly file: string
  /** Range of the model's own input. */
  readonly range: readonly [number, number]
  readonly samples: number
}
const cases: readonly Case[] = [
  { file: 'imagenet/squeezenet1.1_fp32.onnx', range: [-104, 151], samples: 2 },
  { file: 'imagenet/mobilenet_v1_0.25_128_dequant.onnx', range: [-1, 1], samples: 4 },
  { file: 'mnist/mnist_std_advertorch_lenet5.onnx', range: [0, 1], samples: 8 },
  { file: 'mnist/mnist_adv_advertorch_lenet5.onnx', range: [0, 1], samples: 8 },
  { file: 'cifar10/resnet_2b.onnx', range: [-1.8, 1.8], samples: 8 },
  { file: 'mnist/mnist_std_convSmall.onnx', range: [-0.42, 2.82], samples: 8 },
]

describe('the written file in plain ONNX Runtime', () => {
  for (const { file, range, samples } of cases) {
    const path = modelFile(file)
    test.skipIf(!path)(`${file}: gradient matches central differences`, async () => {
      const model = await load(path!)
      const session = await plainSession(gradientGraph(model, { loss: crossEntropy }))
      expect(session.inputNames).toEqual([model.inputs[0]!.name, 'labels'])
      expect(session.outputNames).toEqual(['loss', 'gradient'])
      const dims = [samples, ...model.inputs[0]!.shape.slice(1)]
      const x = smooth(dims, 5, ...range)
      const labels = await secondBest(await model.original.run({ [model.inputs[0]!.name]: x }))
      const at = (v: NDArray) => session.run({ [model.inputs[0]!.name]: v, labels })
      const { loss, gradient } = await at(x)
      expect(loss!.dims).toEqual([samples])
      expect(gradient!.dims).toEqual(dims)
      const checks = await compare(at, x, gradient!)
      const worst = Math.max(...checks)
      console.log(`${file}: worst relative error ${worst.toExponential(1)} over ${checks.length} derivatives`)
      expect(worst).toBeLessThan(1e-2)
      await session.release()
    })
  }
})

async function run(bytes: Uint8Array, feeds: Record<string, NDArray>) {
  const session = await plainSession(bytes)
  const results = await session.run(feeds)
  await session.release()
  return results
}

describe('what is written', () => {
  const weights = random(3 * 2 * 9, 3)
  const head = random(4 * 3, 5)
  /** Convolution, batch normalisation, mean over the picture, linear layer, Softmax. */
  const small = (batch: number | string, w: ArrayLike<number> = weights) =>
    modelOf({
      opset: 17,
      inputs: [value('x', [batch, 2, 5, 5])],
      outputs: [value('p')],
      nodes: [
        node('Conv', 'x w', 'c', { pads: [1, 1, 1, 1] }),
        node('BatchNormalization', 'c scale bias mean variance', 'n'),
        node('Tanh', 'n', 't'),
        node('GlobalAveragePool', 't', 'g'),
        node('Conv', 'g head', 's'),
        node('Softmax', 's', 'p', { axis: 1 }),
      ],
      initializers: {
        w: float32([3, 2, 3, 3], w),
        scale: float32([3], [1.5, 0.7, -1.1]),
        bias: float32([3], [0.1, -0.2, 0.3]),
        mean: float32([3], [0.05, 0.02, -0.1]),
        variance: float32([3], [0.5, 2, 1]),
        head: float32([4, 3, 1, 1], head),
      },
    })
  const x = float32([3, 2, 5, 5], random(150, 9))
  const labels = int64([3], [0, 3, 2])
  const lossOf = async (file: Uint8Array) =>
    Array.from(
      (await run(gradientGraph(await load(file), { loss: crossEntropy }), { x, labels }))['loss']!.data,
      Number,
    )

  test('the batch is free, whether the file fixed it or not, and scores are flattened and stripped of Softmax', async () => {
    const [free, fixed] = await Promise.all(
      ['n', 1].map(async (batch) => {
        const model = await load(encodeModel(small(batch)))
        return run(gradientGraph(model, { loss: crossEntropy }), { x, labels })
      }),
    )
    expect(free!['loss']!.dims).toEqual([3])
    expect(free!['gradient']!.dims).toEqual([3, 2, 5, 5])
    expect(fixed).toEqual(free)
    const { p } = await run(encodeModel(small('n')), { x })
    for (const [i, label] of [0, 3, 2].entries())
      expect(Number(free!['loss']!.data[i])).toBeCloseTo(-Math.log(Number(p!.data[i * 4 + label])), 4)
  })

  test('a batch that cannot be freed stays, labels and loss included', async () => {
    const mixing = modelOf({
      opset: 17,
      inputs: [value('x', [2, 3])],
      outputs: [value('y')],
      nodes: [node('Transpose', 'x', 't', { perm: [1, 0] }), node('Reshape', 't shape', 'y')],
      initializers: { shape: int64([2], [2, 3]) },
    })
    const model = await load(encodeModel(mixing))
    expect([model.batching, model.batch]).toEqual(['fixed', 2])
    const bytes = gradientGraph(model, { loss: crossEntropy })
    expect((await decodeModel(bytes)).graph.inputs).toMatchObject([{ shape: [2, 3] }, { shape: [2] }])
    const results = await run(bytes, { x: float32([2, 3], [1, 2, 3, 4, 5, 6]), labels: int64([2], [0, 1]) })
    expect(results['loss']!.dims).toEqual([2])
  })

  test('gradients with respect to weights are those of the summed loss, and the weights stay initializers', async () => {
    const model = await load(encodeModel(small('n')))
    const bytes = gradientGraph(model, { loss: crossEntropy, wrt: ['w', 'scale', 'x'] })
    const written = (await decodeModel(bytes)).graph
    expect(written.outputs.map((o) => o.name)).toEqual(['loss', 'gradient.w', 'gradient.scale', 'gradient.x'])
    expect(written.initializers.get('w')!.data).toEqual(weights)
    const results = await run(bytes, { x, labels })
    expect(results['gradient.w']!.dims).toEqual([3, 2, 3, 3])
    expect(results['gradient.scale']!.dims).toEqual([3])
    const plain = await run(gradientGraph(model, { loss: crossEntropy }), { x, labels })
    for (const [i, v] of Array.from(plain['gradient']!.data, Number).entries())
      expect(Number(results['gradient.x']!.data[i])).toBeCloseTo(v, 5)
    for (const at of [0, 20, 53]) {
      const moved = (e: number) =>
        lossOf(
          encodeModel(
            small(
              'n',
              weights.map((v, i) => v + (i === at ? e : 0)),
            ),
          ),
        )
      const [up, down] = [await moved(0.02), await moved(-0.02)]
      const slope = up.reduce((sum, v, i) => sum + v - down[i]!, 0) / 0.04
      expect(Number(results['gradient.w']!.data[at])).toBeCloseTo(slope, 3)
    }
  })

  test('mistakes are named', async () => {
    const model = await load(encodeModel(small('n')))
    const write = (options: Partial<Parameters<typeof gradientGraph>[1]>) => () =>
      gradientGraph(model, { loss: crossEntropy, ...options })
    expect(write({ wrt: ['nothing'] })).toThrow(
      /no input or float initializer named "nothing"; its inputs are x/,
    )
    expect(write({ loss: (logits) => logits.sum() })).toThrow(
      /the loss is \[\], but should have one value per sample/,
    )
    const dense = await load(
      encodeModel(
        modelOf({
          opset: 17,
          inputs: [value('x', ['n', 2, 5, 5])],
          outputs: [value('y')],
          nodes: [node('Relu', 'x', 'y')],
        }),
      ),
    )
    expect(() => gradientGraph(dense, { loss: crossEntropy })).toThrow(
      /\[N, 2, 5, 5\], which is not one score/,
    )
    const clash = await load(
      encodeModel(
        modelOf({
          opset: 17,
          inputs: [value('labels', ['n', 4])],
          outputs: [value('y')],
          nodes: [node('Relu', 'labels', 'y')],
        }),
      ),
    )
    expect(() => gradientGraph(clash, { loss: crossEntropy })).toThrow(/an input named "labels"/)
  })
})

/** The second highest class: a label that the loss is neither flat nor saturated at. */
function secondBest(outputs: Record<string, NDArray>): NDArray {
  const [scores] = Object.values(outputs) as [NDArray]
  const samples = scores.dims[0]!
  const classes = scores.data.length / samples
  const labels = Array.from({ length: samples }, (_, n) => {
    const row = Array.from(scores.data.subarray(n * classes, (n + 1) * classes) as Float32Array)
    return row.indexOf(row.toSorted((a, b) => b - a)[1]!)
  })
  return int64([samples], labels)
}

/** Changes of the loss that the gradient promises for the steps of the difference quotients. */
const CHANGES = [4e-3, 3e-3, 2e-3, 1.5e-3, 1e-3, 7e-4]

/**
 * Relative errors of directional derivatives, per sample and direction. Long steps cross kinks, which bends the quotient
 * in proportion to the step; short ones drown in single precision's rounding, which grows as the step shrinks. So a line
 * is laid through the quotients, weighted by step, and read off at step 0.
 */
async function compare(
  at: (x: NDArray) => Promise<Record<string, NDArray>>,
  x: NDArray,
  gradient: NDArray,
): Promise<number[]> {
  const samples = x.dims[0]!
  const errors: number[] = []
  for (let seed = 0; seed < 2; seed++) {
    const d = direction(smooth(x.dims, 100 + seed, -1, 1), gradient)
    const quotients: number[][] = []
    for (const step of CHANGES) {
      const moved = (e: number) =>
        float32(
          x.dims,
          Float32Array.from(d, (v, i) => Number(x.data[i]) + e * v),
        )
      const [up, down] = [(await at(moved(step / 2)))['loss']!, (await at(moved(-step / 2)))['loss']!]
      quotients.push(
        Array.from({ length: samples }, (_, n) => (Number(up.data[n]) - Number(down.data[n])) / step),
      )
    }
    for (let n = 0; n < samples; n++) errors.push(Math.abs(atZero(quotients.map((q) => q[n]!)) - 1))
  }
  return errors
}

/** The intercept of the line through quotients, by least squares weighted by step. */
function atZero(quotients: readonly number[]): number {
  const total = CHANGES.reduce((s, w) => s + w, 0)
  const meanStep = CHANGES.reduce((s, w) => s + w * w, 0) / total
  const mean = CHANGES.reduce((s, w, i) => s + w * quotients[i]!, 0) / total
  const covariance = CHANGES.reduce((s, w, i) => s + w * (w - meanStep) * (quotients[i]! - mean), 0)
  const variance = CHANGES.reduce((s, w) => s + w * (w - meanStep) ** 2, 0)
  return mean - (covariance / variance) * meanStep
}

/**
 * For each sample a direction along which the gradient promises slope 1: half smooth noise, which sees what the gradient
 * misses, half the gradient itself, so that the slope stands clear of rounding.
 */
function direction(noise: NDArray, gradient: NDArray): Float64Array {
  const size = sizeOf(noise.dims.slice(1))
  const result = new Float64Array(noise.data.length)
  for (let from = 0; from < result.length; from += size) {
    const g = Float64Array.from(gradient.data.subarray(from, from + size) as Float32Array)
    const v = Float64Array.from(noise.data.subarray(from, from + size) as Float32Array)
    const scale = length(v) / length(g)
    const d = v.map((e, i) => e + scale * g[i]!)
    const slope = d.reduce((sum, e, i) => sum + e * g[i]!, 0)
    result.set(
      d.map((e) => e / slope),
      from,
    )
  }
  return result
}

const length = (a: Float64Array) => Math.sqrt(a.reduce((sum, e) => sum + e * e, 0))
