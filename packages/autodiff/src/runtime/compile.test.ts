import { afterAll, describe, expect, test } from 'vitest'
import { float32, int64 } from '../tensor/array.ts'
import { add, gather, relu } from '../tensor/index.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { grad } from '../transform/grad.ts'
import { batched, compile, unbatched } from './compile.ts'
import { createEngine } from './node.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const x = float32([2, 3], [1, -2, 3, -4, 5, -6])

describe('arguments and results', () => {
  test('arrays, records and numbers, nested as one likes', async () => {
    const f = compile(
      (a: Tensor, [b, { c }]: readonly [Tensor, { c: Tensor }], scale: Tensor) => ({
        sum: a.add(b).mul(scale),
        parts: [c, relu(a)] as const,
      }),
      { engine },
    )
    const result = await f(x, [x, { c: float32([2], [7, 8]) }], 10)
    expect(result.sum).toEqual(float32([2, 3], [20, -40, 60, -80, 100, -120]))
    expect(result.parts[0]).toEqual(float32([2], [7, 8]))
    expect(result.parts[1]).toEqual(float32([2, 3], [1, 0, 3, 0, 5, 0]))
  })

  test('an argument may be a result, twice, and a constant another', async () => {
    const f = compile((a: Tensor) => [a, a, grad((v: Tensor) => v.sum())(a)] as const, { engine })
    const [same, again, ones] = await f(x)
    expect(same).toEqual(x)
    expect(again).toEqual(x)
    expect(ones).toEqual(float32([2, 3], [1, 1, 1, 1, 1, 1]))
  })

  test('an argument that nothing reads', async () => {
    const f = compile((a: Tensor, _unread: Tensor) => a.neg(), { engine })
    expect((await f(float32([1], [2]), float32([1], [3]))).data[0]).toBe(-2)
  })

  test('other element types', async () => {
    const f = compile((table: Tensor, ids: Tensor) => gather(table, ids), {
      engine,
      specs: [unbatched([3, 2]), batched([], 'int64')],
    })
    expect(await f(float32([3, 2], [0, 1, 10, 11, 20, 21]), int64([2], [2, 0]))).toEqual(
      float32([2, 2], [20, 21, 0, 1]),
    )
  })

  test('arrays that are given are not changed, and those that come back are the caller’s', async () => {
    const f = compile((a: Tensor) => a.mul(2), { engine })
    const given = float32([2], [1, 2])
    const first = await f(given)
    first.data.fill(99 as never)
    const second = await f(given)
    expect([given.data, second.data]).toEqual([Float32Array.of(1, 2), Float32Array.of(2, 4)])
  })
})

describe('tracing', () => {
  test('once for all batch sizes, once more for another shape', async () => {
    let traced = 0
    const f = compile(
      (a: Tensor) => {
        traced++
        return a.mean(1)
      },
      { engine },
    )
    for (const n of [1, 2, 7])
      expect((await f(float32([n, 2], new Float32Array(2 * n).fill(n)))).data[n - 1]).toBe(n)
    expect(traced).toBe(1)
    await f(float32([2, 5], new Float32Array(10)))
    await f(float32([1, 2], [0, 0]))
    expect(traced).toBe(2)
    await f.release()
    await f(float32([1, 2], [0, 0]))
    expect(traced).toBe(3)
  })

  test('calls that come before it is done share one trace', async () => {
    let traced = 0
    const f = compile(
      (a: Tensor) => {
        traced++
        return a.neg()
      },
      { engine },
    )
    const results = await Promise.all([1, 2, 3].map((v) => f(float32([1], [v]))))
    expect(results.map((r) => r.data[0])).toEqual([-1, -2, -3])
    expect(traced).toBe(1)
  })

  test('a function that throws does so at every call, and releases quietly', async () => {
    let traced = 0
    const f = compile(
      (_unread: Tensor): Tensor => {
        traced++
        throw new RangeError('no')
      },
      { engine },
    )
    await expect(f(x)).rejects.toThrow(RangeError)
    await expect(f(x)).rejects.toThrow('no')
    expect(traced).toBe(2)
    await f.release()
  })
})

describe('mistakes are one clear TypeError', () => {
  const specs = [batched([3]), { bias: unbatched([3]) }]
  const f = compile((a: Tensor, { bias }: { bias: Tensor }) => add(a, bias), { engine, specs })
  const bias = float32([3], [0, 0, 0])
  const wrong = async (run: () => Promise<unknown>, message: string) => {
    const error: unknown = await run().then(
      () => expect.fail('it ran'),
      (e: unknown) => e,
    )
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toBe(message)
  }

  test('a wrong shape, rank or element type', async () => {
    await wrong(
      () => f(float32([2, 4], new Float32Array(8)), { bias }),
      'argument 0 should be float32 [N, 3], but is float32 [2, 4]',
    )
    await wrong(
      () => f(float32([3], [1, 2, 3]), { bias }),
      'argument 0 should be float32 [N, 3], but is float32 [3]',
    )
    await wrong(
      () => f(x, { bias: float32([1, 3], [1, 2, 3]) }),
      'argument 1.bias should be float32 [3], but is float32 [1, 3]',
    )
    await wrong(
      () => f(x, { bias: int64([3], [1, 2, 3]) }),
      'argument 1.bias should be float32 [3], but is int64 [3]',
    )
    await wrong(() => f(1, { bias }), 'argument 0 should be float32 [N, 3], but is float32 []')
  })

  test('data that do not fill their shape', async () => {
    await wrong(
      () => f({ type: 'float32', dims: [2, 3], data: new Float32Array(5) }, { bias }),
      'argument 0 has 5 elements for its shape [2, 3]',
    )
  })

  test('too few or too many arguments', async () => {
    await wrong(() => (f as unknown as (a: unknown) => Promise<unknown>)(x), 'argument 1.bias is missing')
    await wrong(() => f(x, { bias, scale: bias } as never), 'argument 1.scale is not among the declared ones')
    await wrong(() => f('x' as never, { bias }), '0 is neither a tensor nor a structure of tensors')
  })

  test('batches of different lengths', async () => {
    const g = compile((a: Tensor, b: Tensor) => a.add(b), { engine })
    await wrong(
      () => g(x, float32([3, 3], new Float32Array(9))),
      'argument 1 is a batch of 3, but argument 0 one of 2; declare arguments without a batch with `specs`',
    )
  })
})
