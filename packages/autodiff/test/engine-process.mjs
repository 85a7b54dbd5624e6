/** A process that runs a compiled function, `idle`: a few times, `pool` or `direct`: often, and tells what that cost. */
import { argv, memoryUsage } from 'node:process'
import { compile, createEngine, float32, relu } from '../dist/index.js'

const started = performance.now()
const kind = argv[2]
const engine = createEngine({ workers: kind === 'direct' ? 0 : 2 })
const f = compile((x) => relu(x.sub(0.5)), { engine })
const x = float32([16, 4096], new Float32Array(16 * 4096).fill(1))
const run = async (times) => {
  for (let i = 0; i < times; i += 2) await Promise.all([f(x), f(x)])
}

// The heaps of the worker threads grow to their working size first: their garbage is collected when they like.
await run(kind === 'idle' ? 4 : 600)
// A leak grows with every 300 runs; memory that the allocator is slow to give back grows with some of them.
const growths = []
for (let window = 0; window < 3; window++) {
  globalThis.gc?.()
  const before = memoryUsage().rss
  if (kind !== 'idle') await run(300)
  globalThis.gc?.()
  growths.push(memoryUsage().rss - before)
}
console.log(
  JSON.stringify({ seconds: (performance.now() - started) / 1000, growth: Math.min(...growths), growths }),
)
