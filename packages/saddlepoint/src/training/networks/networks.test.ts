import {
  abs,
  compile,
  createEngine,
  decodeModel,
  float32,
  int64,
  relu,
  sizeOf,
  type Tensor,
} from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { TracedProgram } from '../../attacks/program.ts'
import { Random } from '../../random/philox.ts'
import { checkExport, exportNetwork } from '../export.ts'
import { prefixed } from '../graphs.ts'
import { flatten, linear, sequential } from '../layers.ts'
import { standard } from '../methods/standard.ts'
import { sgd } from '../optimisers.ts'
import { constants, countParameters, mapRecord, type Parameters } from '../parameters.ts'
import { train } from '../train.ts'
import { resnet18, wideResnet } from './batch-norm-resnet.ts'
import { mnistCnn } from './mnist-cnn.ts'
import { networks } from './registry.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

/** Numbers of parameters by hand, from the papers' layers, for ten classes. */
const counts: Record<string, number> = {
  'mnist-cnn': 312_202,
  'madry-cnn': 3_274_634,
  'strided-cnn': 166_406,
  lenet5: 61_706,
}

/** The large ones are exported narrow, below. */
const large = ['resnet18', 'wrn-16-4', 'wrn-28-10']

describe.each(Object.entries(networks).filter(([name]) => !large.includes(name)))(
  '%s',
  (name, definition) => {
    const shape = definition.shape ?? (name === 'mlp' ? [12] : [1, 16, 16])
    const made = definition.make({ shape, classes: 10, bounds: [0, 1] })

    test('becomes a plain file that computes the same', async () => {
      const parameters = made.initialise(3)
      const bytes = exportNetwork(made, parameters)
      const { graph } = await decodeModel(bytes)
      expect(graph.outputs[0]!.shape).toEqual(['N', 10])
      expect(graph.nodes.some((n) => /Random|Dropout/.test(n.op))).toBe(false)
      expect(await checkExport(bytes, made, parameters, { engine })).toBeLessThan(1e-3)
    })

    test('goes through its first layer and then through the rest to the same scores', async () => {
      const { first, rest } = made.split!
      const [stem] = Object.keys(made.parameters)
      expect(Object.keys(first.parameters).length).toBeLessThanOrEqual(4)
      expect(Object.keys(first.parameters)[0]).toBe(stem)
      expect({ ...first.parameters, ...rest.parameters }).toEqual(made.parameters)
      const run = compile(
        (x: Tensor) => {
          const parameters = constants(made.initialise(3))
          const whole = made.logits(parameters, x)
          return abs(whole.sub(rest(parameters, first(parameters, x)))).max()
        },
        { engine, specs: [{ shape: [-1, ...shape] }] },
      )
      const x = {
        type: 'float32' as const,
        dims: [1, ...shape],
        data: new Float32Array(sizeOf(shape)).fill(0.5),
      }
      expect(Number((await run(x)).data[0])).toBe(0)
      await run.release()
    })

    test.skipIf(!(name in counts))('has as many parameters as the original', () => {
      expect(countParameters(made.parameters)).toBe(counts[name])
    })
  },
)

test('residual networks with batch normalisation have as many parameters as the originals', () => {
  expect(countParameters(resnet18({ classes: 10 }).parameters)).toBe(11_173_962)
  expect(countParameters(wideResnet({ classes: 10 }).parameters)).toBe(36_479_194)
  expect(() => wideResnet({ classes: 10, depth: 18 })).toThrow(/6 n \+ 4/)
})

test.each([resnet18({ classes: 3, width: 4 }), wideResnet({ classes: 3, depth: 10, widen: 1 })])(
  '$name, made narrow, becomes a plain file with its running statistics',
  async (net) => {
    const parameters = net.initialise(3)
    const bytes = exportNetwork(net, parameters)
    const { graph } = await decodeModel(bytes)
    expect(graph.nodes.some((n) => n.op === 'BatchNormalization')).toBe(true)
    expect(await checkExport(bytes, net, parameters, { engine })).toBeLessThan(1e-3)
  },
)

test('a small step down a residual network takes the loss down by the rate times the squared gradient', async () => {
  const net = resnet18({ classes: 3, width: 8 })
  const [rate, count] = [1e-4, 16]
  const random = new Random(1, 0)
  const images = float32(
    [count, 3, 32, 32],
    Float32Array.from({ length: count * 3072 }, () => random.uniform(0, 1)),
  )
  const labels = int64(
    [count],
    Array.from({ length: count }, (_, i) => i % 3),
  )
  const losses: number[] = []
  const seen: Parameters[] = [net.initialise(0)]
  await train({
    network: net,
    data: { images, labels },
    method: standard(),
    optimiser: sgd({ momentum: 0, weightDecay: 0 }),
    rate,
    epochs: 2,
    batch: count,
    shard: count,
    seed: 0,
    engine,
    onStep: ({ loss, state }) => {
      losses.push(loss)
      seen.push(state.parameters)
    },
  })
  const moved = Object.keys(net.parameters)
    .filter((key) => !net.parameters[key]!.statistic)
    .flatMap((key) =>
      Array.from(
        seen[0]![key]!.data as Float32Array,
        (v, i) => (Number(v) - Number(seen[1]![key]!.data[i])) ** 2,
      ),
    )
  const expected = moved.reduce((a, b) => a + b) / rate
  expect((losses[0]! - losses[1]!) / expected).toBeCloseTo(1, 1)
})

test('dropout changes scores in training only, anew at every draw', async () => {
  const net = mnistCnn()
  const program = await TracedProgram.build(engine, -1, 'dropout', (declare) => {
    const x = declare.perSample('x', net.shape)
    const parameters = mapRecord(net.parameters, ({ shape }, key) =>
      declare.shared(`parameters.${key}`, shape),
    )
    return {
      training: net.logits(parameters, x, { random: declare.random, observe: () => {} }),
      use: net.logits(parameters, x),
    }
  })
  // The last layer starts at zero: others' first values stand in for it.
  const values = { ...net.initialise(1), 'fc3.weight': { ...net.initialise(1)['fc3.weight']! } }
  values['fc3.weight'].data = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i))
  const x = { type: 'float32' as const, dims: [1, 1, 28, 28], data: new Float32Array(784).fill(0.5) }
  const run = (step: number) =>
    program.run({ ...prefixed('parameters', values), x }, { seed: 0, samples: [0], step })
  const [a, again, b] = [await run(0), await run(0), await run(1)]
  await program.release()
  expect(a['training']!.data).toEqual(again['training']!.data)
  expect(a['training']!.data).not.toEqual(b['training']!.data)
  expect(a['use']!.data).toEqual(b['use']!.data)
})

test('the first layer of a sequence of sequences is the innermost one, with its activation', () => {
  const inner = sequential(flatten, linear('a', 4, 3), relu, linear('b', 3, 3))
  const { first, rest } = sequential(inner, relu, linear('c', 3, 2)).split!
  expect(Object.keys(first.parameters)).toEqual(['a.weight', 'a.bias'])
  expect(Object.keys(rest.parameters)).toEqual(['b.weight', 'b.bias', 'c.weight', 'c.bias'])
  expect(sequential(relu, flatten).split).toBeUndefined()
})
