/** Engines of Node.js: worker threads, life and death of programs, memory. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { float32, rows, type NDArray } from '../tensor/array.ts'
import { matMul } from '../tensor/index.ts'
import { input, type Tensor } from '../tensor/tensor.ts'
import { emitBytes } from '../transform/emit.ts'
import { RuntimeError, type Engine } from './engine.ts'
import { createEngine } from './node.ts'

const engines: Engine[] = []
const pool = (workers: number): Engine => {
  engines.push(createEngine({ workers }))
  return engines.at(-1)!
}
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(engines.splice(0).map((e) => e.close()))
})

/** x [N, 4] → 2x. */
const double = () => graph([-1, 4], (x) => x.mul(2))
/** A chain of products of matrices that keeps one thread busy for a while. */
const heavy = (times: number) =>
  graph([400, 400], (x) => {
    let y = x
    for (let i = 0; i < times; i++) y = matMul(y, x).mul(1e-3)
    return y
  })
const square = float32([400, 400], new Float32Array(160_000).fill(0.5))

function graph(shape: readonly number[], f: (x: Tensor) => Tensor): Uint8Array {
  const x = input('x', 'float32', shape)
  return emitBytes([x], { y: f(x) })
}

const four = (v: number): NDArray => float32([1, 4], [v, v, v, v])

describe.each([0, 2])('an engine with %i workers', (workers) => {
  test('runs several programs, many runs at once, and tells them apart', async () => {
    const engine = pool(workers)
    expect(engine.concurrency).toBe(Math.max(workers, 1))
    const [a, b] = [await engine.load(double()), await engine.load(graph([-1, 4], (x) => x.add(1)))]
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => (await (i % 2 ? a : b).run({ x: four(i) }))['y']!.data[0]),
    )
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 ? 2 * i : i + 1)))
  })

  test('errors of a run travel as one line, and the next run is well', async () => {
    const program = await pool(workers).load(double())
    for (const feeds of [{}, { x: float32([1, 5], [1, 2, 3, 4, 5]) }, { z: four(1) }]) {
      const error: Error = await program.run(feeds as never).then(
        () => expect.fail('it ran'),
        (e: Error) => e,
      )
      expect(error).toBeInstanceOf(RuntimeError)
      expect(error.message).not.toContain('\n')
    }
    expect((await program.run({ x: four(3) }))['y']!.data[0]).toBe(6)
  })

  test('a damaged model is an error of its own, and can be released', async () => {
    const engine = pool(workers)
    const damaged = engine.load(double().slice(0, 40)).then(async (program) => {
      await program.run({ x: four(1) }).finally(() => program.release())
    })
    await expect(damaged).rejects.toThrow(RuntimeError)
    expect((await (await engine.load(double())).run({ x: four(3) }))['y']!.data[0]).toBe(6)
  })

  test('a released program and a closed engine refuse', async () => {
    const engine = pool(workers)
    const [kept, freed] = [await engine.load(double()), await engine.load(double())]
    await Promise.all([kept.run({ x: four(1) }), freed.run({ x: four(1) })])
    await freed.release()
    await freed.release()
    await expect(freed.run({ x: four(1) })).rejects.toThrow('the program was released')
    expect((await kept.run({ x: four(2) }))['y']!.data[0]).toBe(4)
    await engine.close()
    await expect(kept.run({ x: four(1) })).rejects.toThrow('the engine was closed')
    await expect(engine.load(double())).rejects.toThrow('the engine was closed')
  })

  test('what is given stays with the caller', async () => {
    const program = await pool(workers).load(double())
    const x = four(5)
    await program.run({ x })
    expect([x.data.length, x.data[0]]).toEqual([4, 5])
  })
})

describe('worker threads', () => {
  test('a view is sent without the buffer behind it', async () => {
    const sent: unknown[] = []
    const post = Worker.prototype.postMessage
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message: unknown) {
      sent.push(message)
      return post.call(this, message)
    })
    const program = await pool(1).load(double())
    const many = float32([1000, 4], new Float32Array(4000).fill(7))
    expect((await program.run({ x: rows(many, 10, 12) }))['y']!.data).toEqual(new Float32Array(8).fill(14))
    const { feeds } = sent.at(-1) as { feeds: { x: NDArray } }
    expect(feeds.x.data.buffer.byteLength).toBe(32)
    expect(many.data.length).toBe(4000)
  })

  test('a shared array is read as it was last shared, whatever is given beside it', async () => {
    const engine = pool(2)
    const [x, z] = ['x', 'z'].map((name) => input(name, 'float32', [-1, 4])) as [Tensor, Tensor]
    const sum = await engine.load(emitBytes([x, z], { y: x.add(z) }))
    const run = async (shared: NDArray, value: number) =>
      Array.from((await sum.run({ x: shared, z: four(value) }))['y']!.data, Number)
    const first = engine.share!(four(1))
    expect(await Promise.all([1, 2, 3, 4].map((v) => run(first, v)))).toEqual(
      [2, 3, 4, 5].map((v) => [v, v, v, v]),
    )
    const second = engine.share!(four(10), first)
    expect(second.data).toBe(first.data)
    expect(await Promise.all([1, 2, 3, 4].map((v) => run(second, v)))).toEqual(
      [11, 12, 13, 14].map((v) => [v, v, v, v]),
    )
  })

  test.each([0, 2])('results are written where they have a place, on %i workers', async (workers) => {
    const engine = pool(workers)
    const program = await engine.load(double())
    const first = (await program.run({ x: four(1) }))['y']!
    const y = engine.share ? engine.share(first) : first
    for (const value of [3, 4]) {
      const results = await program.run({ x: four(value) }, { y })
      expect(results['y']!.data).toBe(y.data)
      expect(Array.from(y.data, Number)).toEqual(Array(4).fill(2 * value))
    }
  })

  test('the model is sent to each worker once, as shared memory', async () => {
    const sent: { model?: { bytes: Uint8Array } }[] = []
    const post = Worker.prototype.postMessage
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message: unknown) {
      sent.push(message as never)
      return post.call(this, message)
    })
    const program = await pool(2).load(double())
    await Promise.all(Array.from({ length: 8 }, () => program.run({ x: four(1) })))
    const models = sent.flatMap((m) => (m.model ? [m.model.bytes.buffer] : []))
    expect(models.length).toBe(2)
    expect(new Set(models).size).toBe(1)
    expect(models[0]).toBeInstanceOf(SharedArrayBuffer)
  })

  test('runs overlap: a short one that was asked for later is done before a long one', async () => {
    const engine = pool(2)
    const [long, short] = await Promise.all([engine.load(heavy(120)), engine.load(heavy(1))])
    await Promise.all([long.run({ x: square }), short.run({ x: square })])
    const done: string[] = []
    await Promise.all([
      long.run({ x: square }).then(() => done.push('long')),
      short.run({ x: square }).then(() => done.push('short')),
    ])
    expect(done).toEqual(['short', 'long'])
  })

  test('the event loop stays free during a run', async () => {
    const program = await pool(1).load(heavy(120))
    await program.run({ x: square })
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    const from = performance.now()
    await program.run({ x: square })
    const elapsed = performance.now() - from
    clearInterval(timer)
    expect(elapsed).toBeGreaterThan(50)
    expect(ticks).toBeGreaterThan(elapsed / 5 / 8)
  })

  test('closing an engine in the middle of runs ends them with an error, soon, and the process lives', async () => {
    const engine = pool(1)
    const program = await engine.load(heavy(300))
    await program.run({ x: square })
    const outcomes = Promise.allSettled(Array.from({ length: 50 }, () => program.run({ x: square })))
    await engine.close()
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'the engine was closed' } })
  })
})

describe('a process of its own', () => {
  const ask = (what: string, ...flags: string[]) => {
    const script = fileURLToPath(new URL('../../test/engine-process.mjs', import.meta.url))
    const { stdout, stderr, status, signal } = spawnSync(process.execPath, [...flags, script, what], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
    return JSON.parse(stdout) as { seconds: number; growth: number }
  }

  test('ends by itself when no run is left, though nothing was released or closed', () => {
    const from = performance.now()
    const { seconds } = ask('idle')
    expect((performance.now() - from) / 1000 - seconds).toBeLessThan(5)
  })

  test.each(['pool', 'direct'])('300 runs do not grow it: %s', (kind) => {
    const { growth } = ask(kind, '--expose-gc')
    console.log(`${kind}: ${(growth / 2 ** 20).toFixed(1)} MiB more after 300 runs`)
    expect(growth).toBeLessThan(40 * 2 ** 20)
  })
})
