/** A generator with known answers: sums of cosines, drawn from their amplitudes. */
import { compile, constantMatrix, createEngine, float32, matMul, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { latentOf } from './latent.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const [SIDE, K] = [8, 5]
/** Rows of the orthonormal cosine transform. */
const cosine = (k: number, i: number) =>
  Math.sqrt((k ? 2 : 1) / SIDE ** 2) * Math.cos((Math.PI * k * (2 * i + 1)) / (2 * SIDE ** 2))
const basis = constantMatrix(K, SIDE ** 2, cosine)
const back = constantMatrix(SIDE ** 2, K, (i, k) => cosine(k, i))
const encode = (x: Tensor) => matMul(x.reshape([x.shape[0]!, SIDE ** 2]), back)
const decode = (z: Tensor) => matMul(z, basis).reshape([z.shape[0]!, 1, SIDE, SIDE])

const random = new Random(41, 0)
const picture = float32(
  [1, 1, SIDE, SIDE],
  Float32Array.from({ length: SIDE ** 2 }, () => 0.3 + 0.4 * random.uniform()),
)

describe.each(['linf', 'l2'] as const)('a ball of latent vectors in %s', (norm) => {
  const run = (residual: boolean) =>
    compile(
      (x: Tensor, p: Tensor, eps: Tensor) => {
        const b = latentOf({ encode, decode, norm, residual }).around({ x, eps, bounds: [0, 1] })
        const inside = b.project(p)
        return {
          none: b.apply(b.zero()),
          codes: encode(b.apply(inside)).sub(encode(b.apply(b.zero()))),
          inside,
          again: b.project(inside),
          size: b.size(inside),
          step: b.size(b.steepest(p, p)),
        }
      },
      { engine },
    )
  const p = float32(
    [1, K],
    Float32Array.from({ length: K }, () => random.normal()),
  )

  test('moves the code by what it says, and stays inside', async () => {
    const { codes, inside, again, size, step } = await run(false)(picture, p, float32([1], [0.1]))
    for (const [i, v] of inside.data.entries()) {
      expect(codes.data[i]).toBeCloseTo(Number(v), 5)
      expect(again.data[i]).toBeCloseTo(Number(v), 6)
    }
    const { measure } = latentOf({ encode, decode, norm })
    expect(measure(Float64Array.from(inside.data as Float32Array))).toBeCloseTo(0.1, 6)
    expect(size.data[0]).toBeCloseTo(0.1, 6)
    expect(step.data[0]).toBeCloseTo(1, 5)
  })

  test('without a perturbation is the reconstruction, or with the residual the sample itself', async () => {
    const eps = float32([1], [0.1])
    const { none } = await run(true)(picture, p, eps)
    for (const [i, v] of picture.data.entries()) expect(none.data[i]).toBeCloseTo(Number(v), 6)
    const drawn = (await run(false)(picture, p, eps)).none.data
    const distance = Math.hypot(...Array.from(drawn as Float32Array, (v, i) => v - Number(picture.data[i])))
    expect(distance).toBeGreaterThan(0.1)
  })
})

test('a generator of other pictures is refused', async () => {
  const wrong = latentOf({ encode, decode: (z) => matMul(z, basis) })
  const f = compile(
    (x: Tensor) => wrong.around({ x, eps: x.sum([1, 2, 3]), bounds: [0, 1] }).apply(encode(x)),
    { engine },
  )
  await expect(f(picture)).rejects.toThrow('the generator draws samples [64]')
})
