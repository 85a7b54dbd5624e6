import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encodeModel } from '../onnx/encode.ts'
import { modelOf, node, value } from '../onnx/kit.test.support.ts'
import { compile } from '../runtime/compile.ts'
import { createEngine } from '../runtime/node.ts'
import { float32, int64, rows, type NDArray } from '../tensor/array.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { dataFolder, modelFile, modelFiles, smooth } from './files.test.support.ts'
import { load, type Model } from './load.ts'

const engine = createEngine({ workers: 0 })
const files = modelFiles()

describe.skipIf(files.length === 0)('real models at batch 32 against the file one by one', () => {
  test.each(files)('%s', async (file) => {
    const model = await load(join(dataFolder, file), { engine })
    const [port] = model.inputs
    const range = /squeezenet|cntk/.test(file) ? [0, 255] : [0, 1]
    const x = smooth([32, ...port!.shape.slice(1)], 7, ...(range as [number, number]))
    const run = compile((v: Tensor) => model(v), { engine })
    const together = await run(x)
    const alone: number[] = []
    const theirs: number[] = []
    for (let i = 0; i < 32; i++) {
      const one = rows(x, i, i + 1)
      alone.push(...Array.from((await run(one)).data, Number))
      theirs.push(
        ...Array.from(
          (await model.original.run({ [port!.name]: one }))[model.outputs[0]!.name]!.data,
          Number,
        ),
      )
    }
    const [own, file32] = [relative(together, alone), relative(together, theirs)]
    console.log(
      `${file}: ${model.batching}, ${own.toExponential(1)} from itself, ${file32.toExponential(1)} from the file`,
    )
    expect(model.batching).toMatch(/free|rebatched/)
    expect(together.dims[0]).toBe(32)
    expect(own).toBeLessThanOrEqual(1e-4)
    // A file in half precision rounds every intermediate value to three digits; ours does not.
    expect(file32).toBeLessThanOrEqual(file.includes('fp16') ? 3e-2 : 1e-4)
    // The comparison would see a sample in another's place.
    const classes = theirs.length / 32
    expect(relative(together, [...theirs.slice(classes), ...theirs.slice(0, classes)])).toBeGreaterThan(1e-3)
    await run.release()
    await model.original.release()
  })
})

/** Largest difference over the largest magnitude. */
function relative(found: NDArray, wanted: readonly number[]): number {
  expect(found.data.length).toBe(wanted.length)
  const scale = wanted.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  return wanted.reduce((m, v, i) => Math.max(m, Math.abs(v - Number(found.data[i]))), 0) / scale
}

describe('notices', () => {
  const squeezenet = modelFile('imagenet/squeezenet1.1_fp32.onnx')
  const lenet = modelFile('mnist/mnist_std_advertorch_lenet5.onnx')

  test.skipIf(!squeezenet)('a fixed batch and a final Softmax are told', async () => {
    const model = await load(squeezenet!, { engine })
    expect(model.notices).toEqual([
      'batch size 1 is fixed in the file: rewritten to any size',
      'ends in Softmax: attacked on the scores before it',
    ])
    const logits = compile((x: Tensor) => model.logits(x).logits, { engine })
    const scores = Array.from((await logits(smooth([1, 3, 224, 224], 1, -104, 151))).data, Number)
    expect(Math.max(...scores)).toBeGreaterThan(5)
    await logits.release()
  })

  test.skipIf(!lenet)('a plain model has nothing to tell', async () => {
    expect((await load(lenet!, { engine })).notices).toEqual([])
  })

  test('weights that are not numbers are told, and a run with them still agrees with the file', async () => {
    const model = await loadModel({
      opset: 17,
      inputs: [value('x', ['n', 2])],
      outputs: [value('y')],
      nodes: [node('Add', 'x bad', 'y')],
      initializers: { bad: float32([2], [Number.NaN, 1]) },
    })
    expect(model.notices).toEqual(['weight "bad" holds 1 value that is NaN or infinite'])
  })
})

describe('a fixed batch that cannot be freed', () => {
  const cases: Record<string, Parameters<typeof modelOf>[0]> = {
    'a Reshape that mixes samples': {
      opset: 17,
      inputs: [value('x', [2, 3])],
      outputs: [value('y')],
      nodes: [node('Transpose', 'x', 't', { perm: [1, 0] }), node('Reshape', 't shape', 'y')],
      initializers: { shape: int64([2], [2, 3]) },
    },
    'a Slice of the batch': {
      opset: 17,
      inputs: [value('x', [4, 3])],
      outputs: [value('y')],
      nodes: [
        node('Slice', 'x from to axis', 'a'),
        node('Slice', 'x to end axis', 'b'),
        node('Concat', 'b a', 'y', { axis: 0 }),
      ],
      initializers: {
        from: int64([1], [0]),
        to: int64([1], [2]),
        end: int64([1], [4]),
        axis: int64([1], [0]),
      },
    },
    'a sum over the batch': {
      opset: 17,
      inputs: [value('x', [2, 3])],
      outputs: [value('y')],
      nodes: [node('ReduceSum', 'x axes', 's', { keepdims: 1 }), node('Sub', 'x s', 'y')],
      initializers: { axes: int64([1], [0]) },
    },
  }
  test.each(Object.keys(cases))('%s', async (name) => {
    const model = await loadModel(cases[name]!)
    const { shape } = model.inputs[0]!
    expect([model.batching, model.batch]).toEqual(['fixed', shape[0]])
    expect(model.notices[0]).toMatch(
      /the batch size \d fixed in the file cannot be changed \(.+\): samples run \d at a time/,
    )
    const x = float32(
      shape,
      Float32Array.from({ length: shape[0]! * 3 }, (_, i) => i * i),
    )
    const run = compile((v: Tensor) => model(v), { engine, specs: [{ shape }] })
    expect(await run(x)).toEqual((await model.original.run({ x }))['y'])
    await run.release()
  })

  test('a file that declares a free batch but mixes samples is refused in one line', async () => {
    const error: Error = await loadModel({
      ...cases['a Reshape that mixes samples']!,
      inputs: [value('x', ['n', 3])],
    }).then(
      () => expect.fail('it loaded'),
      (e: Error) => e,
    )
    expect(error.name).toBe('ModelError')
    expect(error.message).not.toContain('\n')
  })
})

function loadModel(parts: Parameters<typeof modelOf>[0]): Promise<Model> {
  return load(encodeModel(modelOf(parts)), { engine })
}
