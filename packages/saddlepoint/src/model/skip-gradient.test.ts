/** Skip gradients against the chain rule written out, and on a real residual network. */
import { existsSync } from 'node:fs'
import {
  compile,
  constant,
  createEngine,
  emitBytes,
  float32,
  gradientOf,
  input,
  linear,
  load,
  type Tensor,
} from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { classifier } from './classifier.ts'
import { skipGradient } from './skip-gradient.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

/** Two blocks x + Wx: the scores' gradient is the product of I + γW over the blocks. */
async function network() {
  const port = input('x', 'float32', [-1, 2])
  const block = (x: Tensor, w: number[]) => linear(x, constant(float32([2, 2], w))).add(x)
  const scores = block(block(port, [1, 2, 3, 4]), [0.5, 0, 0, 2])
  return load(emitBytes([port], { scores }))
}

test.each([1, 0.5, 0.1])('γ = %f multiplies what goes through the branches', async (gamma) => {
  const model = await network()
  const target = await classifier(model, { engine, bpda: skipGradient(model, gamma) })
  const f = compile(
    (x: Tensor) =>
      gradientOf(
        target
          .logits(x)
          .mul(float32([1, 2], [1, 0]))
          .sum(1),
        x,
        { rules: target.rules },
      ),
    { engine },
  )
  const { data } = await f(float32([1, 2], [0.3, 0.6]))
  const second = 1 + gamma * 0.5
  expect(Number(data[0])).toBeCloseTo(second * (1 + gamma * 1), 5)
  expect(Number(data[1])).toBeCloseTo(second * (gamma * 2), 5)
})

test('a model without residual branches, and γ out of range, are refused', async () => {
  const port = input('x', 'float32', [-1, 2])
  const plain = await load(emitBytes([port], { y: linear(port, constant(float32([2, 2], [1, 2, 3, 4]))) }))
  expect(() => skipGradient(plain, 0.5)).toThrow(/no residual branch/)
  expect(() => skipGradient(plain, 0)).toThrow(/above 0 and up to 1/)
})

const file = `${process.env['SADDLE_DATA'] ?? '../shared/data'}/models/cifar10/resnet_2b.onnx`
if (!existsSync(file)) console.warn(`no ${file}: skip gradients of a ResNet were skipped`)
test.skipIf(!existsSync(file))(
  'both blocks of a small ResNet are found, one with a convolution to skip',
  async () => {
    const model = await load(file)
    expect(Object.keys(skipGradient(model, 0.5))).toEqual(['Add_6', 'Add_11'])
  },
)
