/** One loop must give what ONNX Runtime gives for the same function, to the bit. */
import { afterAll, expect, test } from 'vitest'
import { abs, exp, float32, input, maximum, minimum, scalar, sqrt, type Tensor } from '../tensor/index.ts'
import { compile } from './compile.ts'
import { fuse } from './fuse.ts'
import { createEngine } from './node.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

/** All operations at once, on arrays, scalars and constants. */
const mixed = (a: Tensor, b: Tensor, rate: Tensor) => {
  const unit = a.div(sqrt(b.square().add(0.125)))
  const scale = scalar(1).sub(scalar(0.9).pow(rate))
  return {
    moved: a.sub(maximum(unit, -0.5).mul(scale).mul(rate)),
    kept: minimum(b.neg(), abs(a)).add(sqrt(scale)),
  }
}
const fused = () =>
  fuse(mixed(input('a', 'float32', [-1]), input('b', 'float32', [-1]), input('rate', 'float32', [])))
const wave = (size: number, by: number) => Float32Array.from({ length: size }, (_, i) => 3 * Math.sin(by * i))

test.each([1, 4, 7, 4096, 9001])('%i numbers come out as from ONNX Runtime', async (size) => {
  const [a, b] = [wave(size, 0.7), wave(size, 1.3)]
  const spec = { shape: [-1] }
  const whole = compile(mixed, { engine, specs: [spec, spec, { shape: [] }] })
  const expected = await whole(float32([size], a), float32([size], b), 3)
  await whole.release()
  const [moved, kept] = [new Float32Array(size), new Float32Array(size)]
  expect((await fused())({ a, b, rate: 3 }, { moved, kept })).toBe(true)
  expect(moved).toEqual(expected.moved.data)
  expect(kept).toEqual(expected.kept.data)
})

test('an array may be written over with its own next values', async () => {
  const [a, b] = [wave(5000, 0.7), wave(5000, 1.3)]
  const loop = await fused()
  const moved = new Float32Array(5000)
  loop({ a, b, rate: 2 }, { moved, kept: new Float32Array(5000) })
  loop({ a, b, rate: 2 }, { moved: a, kept: b })
  expect(a).toEqual(moved)
})

test.each([0, 4500, 4999])('tells that number %i is not finite', async (at) => {
  const [a, b] = [wave(5000, 0.7), wave(5000, 1.3)]
  a[at] = Infinity
  const into = { moved: new Float32Array(5000), kept: new Float32Array(5000) }
  expect((await fused())({ a, b, rate: 2 }, into)).toBe(false)
})

test('says which operation it cannot do', async () => {
  await expect(fuse({ y: exp(input('x', 'float32', [-1])) })).rejects.toThrow(
    /Exp of 1 operands cannot be fused/,
  )
  await expect(fuse({ y: input('x', 'float32', [-1]).mul(exp(input('s', 'float32', []))) })).rejects.toThrow(
    /Exp/,
  )
})
