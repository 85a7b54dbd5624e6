/** Interleaved timing: candidates take turns within each round, so that what else the machine does meets all of them. */
import { cpus } from 'node:os'

/**
 * @typedef {object} Candidate
 * @property {string} name
 * @property {(steps: number) => Promise<Time>} run does that many steps and says how long they took
 */
/** @typedef {{ wall: number, cpu: number }} Time seconds */

/** A candidate that runs in this process. */
export function local(name, step) {
  const run = async (steps) => {
    const cpu = process.cpuUsage()
    const from = process.hrtime.bigint()
    for (let i = 0; i < steps; i++) await step()
    const wall = Number(process.hrtime.bigint() - from) / 1e9
    const used = process.cpuUsage(cpu)
    return { wall, cpu: (used.user + used.system) / 1e6 }
  }
  return { name, run }
}

export const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2
}

/**
 * @param {Candidate[]} candidates
 * @param {object} options
 * @param {number} options.rounds
 * @param {number} options.seconds about how long each candidate runs in a round
 * @param {'wall' | 'cpu'} options.clock 'cpu' is steadier beside other work, and only meaningful for one thread
 * @returns {Promise<Record<string, { seconds: number, rounds: number[] }>>} seconds for one step: the median, and all
 */
export async function interleaved(candidates, { rounds, seconds, clock }) {
  const plans = []
  for (const candidate of candidates) {
    await candidate.run(1)
    const { wall } = await candidate.run(1)
    plans.push({ candidate, steps: Math.max(1, Math.round(seconds / Math.max(wall, 1e-6))), times: [] })
  }
  for (let round = 0; round < rounds; round++) {
    // Every other round in reverse, so that no candidate always follows the same one.
    for (const plan of round % 2 ? plans.toReversed() : plans) {
      const time = await plan.candidate.run(plan.steps)
      plan.times.push(time[clock] / plan.steps)
    }
  }
  return Object.fromEntries(
    plans.map(({ candidate, times }) => [candidate.name, { seconds: median(times), rounds: times }]),
  )
}

/** The median over the rounds of one candidate's time over another's. */
export const ratio = (a, b) => median(a.rounds.map((t, i) => t / b.rounds[i]))

/** Options every script of this folder has, for node:util's parseArgs. */
export const commonOptions = {
  net: { type: 'string', multiple: true },
  batch: { type: 'string', multiple: true },
  rounds: { type: 'string', default: '9' },
  seconds: { type: 'string', default: '0.5' },
  clock: { type: 'string', default: 'wall' },
  json: { type: 'boolean', default: false },
}
export const measureOptions = ({ rounds, seconds, clock }) => {
  if (clock !== 'wall' && clock !== 'cpu') throw new Error(`--clock is wall or cpu, not ${clock}`)
  return { rounds: Number(rounds), seconds: Number(seconds), clock }
}

/** Nets and batch sizes asked for, or all with the sizes that each is usually measured at. */
export function cases(nets, { net, batch }) {
  return (net ?? Object.keys(nets)).flatMap((name) => {
    if (!nets[name]) throw new Error(`there is no net "${name}"; there are ${Object.keys(nets).join(', ')}`)
    return (batch?.map(Number) ?? nets[name].batches).map((size) => ({ name, batch: size }))
  })
}

export const machine = () => `${cpus()[0]?.model.trim()} × ${cpus().length}, Node.js ${process.version}`

/** Milliseconds, or microseconds where a step is short. */
export const formatTime = (seconds) =>
  seconds < 1e-3 ? `${(seconds * 1e6).toFixed(0)} µs` : `${(seconds * 1e3).toFixed(seconds < 0.1 ? 2 : 0)} ms`

/** Rows of equal keys as aligned columns. */
export function table(rows) {
  const keys = Object.keys(rows[0] ?? {})
  const lines = [keys, ...rows.map((row) => keys.map((key) => String(row[key] ?? '')))]
  const widths = keys.map((_, i) => Math.max(...lines.map((line) => line[i].length)))
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
