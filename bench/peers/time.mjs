/**
 * How long whole runs of an attack take, ours against the same in the field's Python libraries, interleaved in one call on the
 * robust network, where most images stand to the end. Ratios are ours / peer within a round, tracing included.
 *
 * node bench/peers/time.mjs [--only PGD-40]… [--net adv] [--images 100] [--batch 100] [--rounds 5] [--clock cpu|wall] [--json]
 */
import { parseArgs } from 'node:util'
import { presets } from 'saddlepoint'
import { machine, median, ratio, table } from '../measure.mjs'
import { Contest, contestOptions } from './contest.mjs'
import { standard, timed } from './pairs.mjs'

const { values } = parseArgs({
  options: {
    ...contestOptions,
    only: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
  },
})
const results = []

/** A run of several stages counts the images of each stage that were left by the one before. */
async function whole(contest, stages, norm, eps) {
  let left = contest.right.flatMap((right, i) => (right ? [i] : []))
  const count = left.length
  const spent = { wall: 0, cpu: 0, prepared: 0 }
  for (const stage of stages) {
    if (!left.length) break
    const run = await (typeof stage === 'string'
      ? contest.ours(stage, norm, eps, left)
      : contest.theirs(stage, norm, eps, left))
    spent.wall += run.seconds.wall + (run.prepared ?? 0)
    spent.cpu += run.seconds.cpu + (run.prepared ?? 0)
    spent.prepared += run.prepared ?? 0
    left = left.filter((_, i) => run.sizes[i] === Infinity)
  }
  return { ...spent, success: (count - left.length) / count }
}

async function time(contest, name, { norm, eps, candidates }) {
  const runs = candidates.map(({ by, stages }) => ({ by, stages, rounds: [] }))
  for (let round = 0; round < Number(values.rounds); round++)
    for (const run of round % 2 ? runs.toReversed() : runs) {
      const result = await whole(contest, run.stages, norm, eps)
      run.rounds.push(result)
      console.error(`${name}, ${run.by}: ${result[values.clock].toFixed(2)} s`)
    }
  const scored = runs.map(({ by, rounds }) => ({
    by,
    rounds: rounds.map((r) => r[values.clock]),
    seconds: median(rounds.map((r) => r[values.clock])),
    prepared: median(rounds.map((r) => r.prepared)),
    success: rounds[0].success,
  }))
  const [ours, ...peers] = scored
  const fastest = Math.min(...peers.map((p) => p.seconds))
  for (const each of scored)
    results.push({
      run: name,
      ...each,
      ratio: each === ours ? undefined : ratio(ours, each),
      fastest: each.seconds === fastest,
    })
}

const contest = await Contest.open(values.net?.[0] ?? 'adv', values, { correct: true })
const suite = {
  norm: standard.norm,
  eps: standard.eps,
  ours: presets.standard.attacks,
  peers: [standard.stages],
}
for (const [name, { norm, eps, ours, peers }] of Object.entries({ ...timed, standard: suite })) {
  if (values.only && !values.only.includes(name)) continue
  const stagesOf = (run) => (name === 'standard' ? run : [run])
  const candidates = [
    { by: 'ours', stages: stagesOf(ours) },
    ...peers.map((peer) => ({ by: name === 'standard' ? 'aa' : peer[0], stages: stagesOf(peer) })),
  ]
  await time(contest, name, { norm, eps, candidates })
}
await contest.close()

if (values.json) console.log(JSON.stringify({ machine: machine(), clock: values.clock, results }))
else {
  console.log(
    `${contest.labels.length} images of MNIST, ${contest.net}, batch ${values.batch}, one thread, ${values.clock} time; ${machine()}\n`,
  )
  console.log(
    table(
      results.map((r) => ({
        run: r.run,
        by: r.by,
        'success %': (100 * r.success).toFixed(0),
        seconds: r.seconds.toFixed(2),
        'of it tracing': r.by === 'ours' ? r.prepared.toFixed(2) : '',
        'ours / peer': r.ratio ? `${r.ratio.toFixed(2)}${r.fastest ? ' (fastest)' : ''}` : '',
      })),
    ),
  )
}
