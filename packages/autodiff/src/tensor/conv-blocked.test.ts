/** Convolutions in ONNX Runtime's own layout give what plain ones give, forwards and backwards. */
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../runtime/node.ts'
import { emit, emitBytes } from '../transform/emit.ts'
import { differentiate } from './differentiate.ts'
import { constant, conv, float32, input, sizeOf, type ConvOptions, type Tensor } from './index.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())
const channelBlock = await engine.channelBlock!()
const blocked = { provider: 'cpu', channelBlock: channelBlock ?? 16 } as const

const wave = (shape: readonly number[], by: number) =>
  float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(by * i)),
  )
const layouts = (outputs: Record<string, Tensor>, inputs: Tensor[], target = blocked) =>
  emit(inputs, outputs, { target }).graph.nodes.filter((n) => n.domain === 'com.microsoft.nchwc').length

const shapes: readonly (readonly [string, number[], ConvOptions])[] = [
  ['3×3', [32, 16, 3, 3], { pads: [1, 1, 1, 1] }],
  ['5×5 without a border', [16, 32, 5, 5], {}],
  ['4×4 stride 2', [32, 32, 4, 4], { strides: [2, 2], pads: [1, 1, 1, 1] }],
  ['2×3, stride 2×1, uneven pads', [16, 16, 2, 3], { strides: [2, 1], pads: [0, 2, 1, 0] }],
  ['3×3 dilated', [16, 16, 3, 3], { dilations: [2, 2], pads: [2, 2, 2, 2] }],
]

describe.runIf(channelBlock)('blocks of channels', () => {
  test.each(shapes)('%s', async (_, shape, options) => {
    const x = input('x', 'float32', [-1, shape[1]!, 9, 10])
    const w = input('w', 'float32', shape)
    const b = input('b', 'float32', [shape[0]!])
    const y = conv(x, w, b, options)
    const [dx, dw] = differentiate(y.square().sum(), [x, w]) as [Tensor, Tensor]
    const feeds = { x: wave([3, shape[1]!, 9, 10], 0.7), w: wave(shape, 1.3), b: wave([shape[0]!], 2.1) }
    const run = async (target: typeof blocked | { provider: 'cpu' }) => {
      const program = await engine.load(emitBytes([x, w, b], { y, dx, dw }, { target }))
      const results = await program.run(feeds)
      await program.release()
      return results
    }
    expect(layouts({ y }, [x, w, b])).toBe(3)
    const [plain, fast] = [await run({ provider: 'cpu' }), await run(blocked)]
    for (const name of ['y', 'dx', 'dw']) {
      const [expected, found] = [plain, fast].map((r) => Array.from(r[name]!.data as Float32Array))
      const size = Math.max(...expected!.map(Math.abs))
      expect(Math.max(...expected!.map((v, i) => Math.abs(v - found![i]!))) / size, name).toBeLessThan(1e-5)
    }
  })
})

test('what ONNX Runtime brings into blocks by itself, or cannot, is left as it is', () => {
  const x = input('x', 'float32', [-1, 16, 9, 10])
  const weights = (shape: readonly number[]) => input('w', 'float32', shape)
  const forms = (w: Tensor, inputs: Tensor[], options: ConvOptions = {}) =>
    layouts({ y: conv(x, w, undefined, options) }, inputs, { provider: 'cpu', channelBlock: 16 })
  const fed = (shape: readonly number[], options?: ConvOptions) => {
    const w = weights(shape)
    return forms(w, [x, w], options)
  }
  expect(fed([16, 16, 3, 3])).toBe(3)
  expect(forms(constant(wave([16, 16, 3, 3], 1)).mul(2), [x])).toBe(0)
  expect(fed([16, 16, 1, 1])).toBe(0)
  expect(fed([24, 16, 3, 3])).toBe(0)
  expect(fed([16, 8, 3, 3], { group: 2 })).toBe(0)
})
