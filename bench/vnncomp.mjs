/**
 * `saddle falsify` on the instances of VNN-COMP, each as a command of its own, start-up included: what was found, what was
 * missed, and whether anything is claimed that is known to be false. Witnesses are read back and replayed here.
 *
 * node bench/vnncomp.mjs [--data DIR] [--only TEXT]… [--truth sat|unsat|unknown]… [--timeout 60] [--short 3] [--seed 0]
 *   [--json]
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { load } from '@saddlepoint/autodiff'
import { parseVnnlib, satisfied } from 'saddlepoint'
import { machine, table } from './measure.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const { values } = parseArgs({
  options: {
    data: {
      type: 'string',
      default: join(process.env.SADDLE_DATA ?? here('../../shared/data'), 'vnncomp'),
    },
    only: { type: 'string', multiple: true },
    truth: { type: 'string', multiple: true },
    timeout: { type: 'string', default: '60' },
    short: { type: 'string', default: '3' },
    seed: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
})

const [header, ...lines] = records(readFileSync(join(values.data, 'ground_truth.csv'), 'utf8'))
const instances = lines
  .map((line) => Object.fromEntries(header.map((name, i) => [name, line[i]])))
  .filter((i) => !values.truth || values.truth.includes(i.truth))
  .filter(
    (i) => !values.only || values.only.some((text) => `${i.benchmark}/${i.onnx} ${i.vnnlib}`.includes(text)),
  )
const models = new Map()
const results = []

for (const [i, instance] of instances.entries()) {
  const wanted = instance.truth === 'sat' && instance.witnessed === 'yes'
  // Where nothing is known to exist, a short search shows whether anything false is claimed.
  const timeout = wanted ? values.timeout : values.short
  const model = file(instance.benchmark, instance.onnx)
  const specification = file(instance.benchmark, instance.vnnlib)
  const { code, stdout, stderr, seconds } = await saddle(model, specification, timeout)
  const [verdict] = stdout.split('\n', 1)
  const outcome =
    code !== 0 || !['sat', 'unknown'].includes(verdict)
      ? 'failed'
      : verdict === 'sat'
        ? instance.truth === 'unsat' || !(await holds(stdout, model, specification))
          ? 'wrong'
          : 'found'
        : wanted
          ? 'missed'
          : 'open'
  results.push({ ...instance, wanted, outcome, seconds, note: stderr.trim() })
  if (!values.json || outcome === 'failed' || outcome === 'wrong')
    console.error(
      `${i + 1}/${instances.length} ${instance.benchmark} ${instance.vnnlib.split('/').at(-1)}: ${instance.truth}, ${outcome}, ${seconds.toFixed(2)} s (fastest ${instance.fastest_sat_s || '–'}); ${stderr.trim()}`,
    )
}

const benchmarks = [...new Set(results.map((r) => r.benchmark))]
const rows = [...benchmarks, 'all'].map((name) =>
  summary(
    name,
    results.filter((r) => name === 'all' || r.benchmark === name),
  ),
)
if (values.json) console.log(JSON.stringify({ machine: machine(), summary: rows, results }))
else console.log(`${machine()}\n\n${table(rows)}`)
process.exitCode = results.some((r) => ['missed', 'wrong', 'failed'].includes(r.outcome)) ? 1 : 0

function summary(benchmark, all) {
  const count = (outcome, of = all) => of.filter((r) => r.outcome === outcome).length
  const wanted = all.filter((r) => r.wanted)
  const found = wanted.filter((r) => r.outcome === 'found' && r.fastest_sat_s)
  return {
    benchmark,
    'known sat': wanted.length,
    found: count('found', wanted),
    missed: count('missed'),
    'wrong or failed': count('wrong') + count('failed'),
    'others found': count('found') - count('found', wanted),
    'others open': count('open'),
    'median s': median(found.map((r) => r.seconds)),
    'fastest tool s': median(found.map((r) => Number(r.fastest_sat_s))),
    'slowest s': Math.max(...found.map((r) => r.seconds), 0).toFixed(2),
    faster: `${found.filter((r) => r.seconds < Number(r.fastest_sat_s)).length}/${found.length}`,
  }
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted.length ? sorted[Math.floor(sorted.length / 2)].toFixed(2) : '–'
}

function saddle(model, specification, timeout) {
  const from = performance.now()
  const args = [model, specification, '--timeout', timeout, '--seed', values.seed]
  const child = spawn(process.execPath, [here('../packages/cli/bin/saddle.js'), 'falsify', ...args])
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr, seconds: (performance.now() - from) / 1000 }))
  })
}

/** Replays a witness on the untouched file. */
async function holds(stdout, path, specificationPath) {
  if (!models.has(path)) models.set(path, await load(path))
  const model = models.get(path)
  const bytes = readFileSync(specificationPath)
  const specification = parseVnnlib(String(specificationPath.endsWith('.gz') ? gunzipSync(bytes) : bytes))
  const numbers = (letter) =>
    [...stdout.matchAll(new RegExp(`\\(${letter}_(\\d+) (\\S+?)\\)`, 'g'))].map((m) => Number(m[2]))
  const [x, y] = [numbers('X'), numbers('Y')]
  if (x.length !== specification.inputs || y.length !== specification.outputs) return false
  const { name, shape } = model.inputs[0]
  const feeds = { [name]: { type: 'float32', dims: [1, ...shape.slice(1)], data: Float32Array.from(x) } }
  const outputs = (await model.original.run(feeds))[model.outputs[0].name].data
  return outputs.every((v, i) => v === Math.fround(y[i])) && satisfied(specification, x, outputs) >= 0
}

function file(benchmark, name) {
  const path = join(values.data, benchmark, name)
  return existsSync(path) ? path : `${path}.gz`
}

/** Fields of a CSV text; quoted ones may hold commas. */
function records(text) {
  return text
    .trim()
    .split(/\r?\n/)
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
        (m) => m[1]?.replaceAll('""', '"') ?? m[2],
      ),
    )
}
