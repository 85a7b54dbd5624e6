import { createEngine, decodeModel } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { TracedProgram } from '../../attacks/program.ts'
import { checkExport, exportNetwork } from '../export.ts'
import { prefixed } from '../graphs.ts'
import { countParameters, mapRecord } from '../parameters.ts'
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

describe.each(Object.entries(networks))('%s', (name, definition) => {
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

  test.skipIf(!(name in counts))('has as many parameters as the original', () => {
    expect(countParameters(made.parameters)).toBe(counts[name])
  })
})

test('dropout changes scores in training only, anew at every draw', async () => {
  const net = mnistCnn()
  const program = await TracedProgram.build(engine, -1, 'dropout', (declare) => {
    const x = declare.perSample('x', net.shape)
    const parameters = mapRecord(net.parameters, ({ shape }, key) =>
      declare.shared(`parameters.${key}`, shape),
    )
    return { training: net.logits(parameters, x, declare.random), use: net.logits(parameters, x) }
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
