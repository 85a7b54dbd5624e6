import { describe, expect, test } from 'vitest'
import { float32 } from '../tensor/array.ts'
import { RuntimeError, type Engine, type Program } from './engine.ts'
import { FallbackEngine } from './fallback.ts'

const x = float32([1], [1])

/** An engine whose programs fail when told so, and which counts what becomes of them. */
function scripted(provider: 'webgpu' | 'cpu', fails: { load?: boolean; run?: boolean } = {}) {
  const seen = { loaded: 0, runs: 0, released: 0, closed: 0 }
  const engine: Engine = {
    provider,
    concurrency: 1,
    async load(): Promise<Program> {
      if (fails.load) throw new RuntimeError('no such kernel')
      seen.loaded++
      return {
        async run(feeds) {
          seen.runs++
          if (fails.run) throw new RuntimeError(`${provider} failed`)
          return { y: feeds['x']! }
        },
        release: async () => void seen.released++,
      }
    },
    close: async () => void seen.closed++,
  }
  return { engine, seen }
}

function pair(gpu: { load?: boolean; run?: boolean }, cpu: { load?: boolean; run?: boolean } = {}) {
  const [first, second] = [scripted('webgpu', gpu), scripted('cpu', cpu)]
  const notices: string[] = []
  const engine = new FallbackEngine(first.engine, { create: () => second.engine, name: 'the CPU' }, (m) =>
    notices.push(m),
  )
  return { engine, first: first.seen, second: second.seen, notices }
}

describe('an engine with a substitute', () => {
  test('leaves it alone where all is well', async () => {
    const { engine, second, notices } = pair({})
    const program = await engine.load(new Uint8Array())
    expect(await program.run({ x })).toEqual({ y: x })
    await program.release()
    await engine.close()
    expect([second, notices]).toEqual([{ loaded: 0, runs: 0, released: 0, closed: 0 }, []])
  })

  test('takes it for a graph that does not load', async () => {
    const { engine, second, notices } = pair({ load: true })
    const program = await engine.load(new Uint8Array())
    await program.run({ x })
    await program.release()
    await engine.close()
    expect(second).toEqual({ loaded: 1, runs: 1, released: 1, closed: 1 })
    expect(notices).toEqual(['webgpu cannot run this graph (no such kernel); the CPU runs it instead'])
  })

  test('takes it once, with one notice, for a graph whose first runs fail together', async () => {
    const { engine, first, second, notices } = pair({ run: true })
    const program = await engine.load(new Uint8Array())
    await Promise.all([program.run({ x }), program.run({ x }), program.run({ x })])
    await program.run({ x })
    expect([first.runs, first.released, second.loaded, second.runs]).toEqual([3, 1, 1, 4])
    expect(notices.length).toBe(1)
    await program.release()
    expect(second.released).toBe(1)
  })

  test('stays with the provider when the substitute fails too: the fault lies in what was fed', async () => {
    const { engine, first, notices } = pair({ run: true }, { run: true })
    const program = await engine.load(new Uint8Array())
    await expect(program.run({ x })).rejects.toThrow('cpu failed')
    await expect(program.run({ x })).rejects.toThrow('cpu failed')
    expect([first.runs, first.released, notices]).toEqual([2, 0, []])
  })

  test('a graph that neither loads fails with the reason of the substitute, without a notice', async () => {
    const { engine, notices } = pair({ load: true }, { load: true })
    await expect(engine.load(new Uint8Array())).rejects.toThrow(RuntimeError)
    expect(notices).toEqual([])
  })
})
