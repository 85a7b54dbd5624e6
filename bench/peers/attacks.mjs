/**
 * Our attacks and the same attacks of the field's Python libraries, on the same networks and images: how strong each is and
 * what it costs. All results are predicted by the untouched ONNX file after clipping, and measured in double precision; a
 * failure counts as an infinite norm.
 *
 * node bench/peers/attacks.mjs [--net std|adv]… [--kind minimum-norm|fixed-eps|standard]… [--norm l2]… [--only ddn]…
 *   [--images 100] [--batch 100] [--clock cpu|wall] [--best FILE] [--json]
 *
 * `--only` keeps the pairs whose text, ours or a peer's, holds it; `--best` keeps each image's smallest norm in a file, for
 * calls that share a comparison out.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { attacks, presets } from 'saddlepoint'
import { machine, median, table } from '../measure.mjs'
import { Contest, contestNets, contestOptions } from './contest.mjs'
import { fixedEps, minimumNorm, standard } from './pairs.mjs'

const { values } = parseArgs({
  options: {
    ...contestOptions,
    kind: { type: 'string', multiple: true },
    norm: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
    best: { type: 'string' },
  },
})
const among = (chosen, name) => !chosen || chosen.includes(name)
const known = values.best && existsSync(values.best) ? JSON.parse(readFileSync(values.best, 'utf8')) : {}
const report = []
const weaker = []

/** Runs the pairs of one norm and prints their table. */
async function compare(contest, norm, eps, pairs) {
  if (!among(values.norm, norm)) return
  const all = contest.labels.map((_, i) => i)
  const runs = []
  for (const { ours, peers, images = all.length } of pairs) {
    if (!wanted([ours, ...peers.map(([call]) => call)])) continue
    if (!attacks.has(ours.split(':')[0])) {
      console.error(`${ours}: not among our attacks yet, left out`)
      continue
    }
    const rows = all.slice(0, images)
    const mine = await tried(ours, 'ours', () => contest.ours(ours, norm, eps, rows))
    const others = []
    for (const call of peers)
      others.push(await tried(ours, named(call), () => contest.theirs(call, norm, eps, rows)))
    runs.push({ ours: mine, peers: others })
  }
  const flat = runs.flatMap(({ ours, peers }) => [ours, ...peers])
  if (!flat.length) return
  const best = bests(`${contest.net} ${norm}`, flat, eps)
  const scored = new Map(flat.map((run) => [run, score(run, best)]))
  for (const { ours, peers } of runs)
    note(
      contest.net,
      norm,
      scored.get(ours),
      peers.map((p) => scored.get(p)),
      eps,
    )
  const lines = runs.flatMap(({ ours, peers }) => [
    line(scored.get(ours), undefined, eps),
    ...peers.map((p) => line(scored.get(p), ours, eps)),
  ])
  report.push({ net: contest.net, norm, eps, rows: [...scored.values()] })
  if (values.json) return
  console.log(
    `${contest.net}, ${norm}${eps ? ` ${eps}` : ''}; ${values.clock} seconds, one thread; ${machine()}\n`,
  )
  console.log(`${table(lines)}\n`)
}

const wanted = (texts) => !values.only || texts.some((t) => values.only.some((part) => t.includes(part)))
const named = ([call, options]) =>
  `${call}${options ? ` ${JSON.stringify(options).replaceAll('"', '')}` : ''}`

async function tried(attack, by, run) {
  const from = performance.now()
  let result
  try {
    result = { attack, by, ...(await run()) }
  } catch (error) {
    result = { attack, by, error: error.message, sizes: [] }
  }
  const seconds = ((performance.now() - from) / 1e3).toFixed(1)
  const { error, sizes } = result
  const found = sizes.filter(Number.isFinite).length
  // A long comparison that is broken off has said this much.
  console.error(
    `${attack}, ${by}: ${error ?? `${found} of ${sizes.length}, median ${fixed(median(sizes))}`}, ${seconds} s`,
  )
  return result
}

/** The smallest norm of each image over all attacks, those of earlier calls included. */
function bests(key, runs, eps) {
  const best = eps === undefined ? (known[key] ?? []).map((v) => v ?? Infinity) : []
  for (const { sizes } of runs) sizes.forEach((size, i) => (best[i] = Math.min(best[i] ?? Infinity, size)))
  if (eps === undefined && values.best) {
    known[key] = best
    writeFileSync(values.best, JSON.stringify(known))
  }
  return best
}

function score({ sizes, ...run }, best) {
  const ratios = sizes.map((size, i) => (best[i] === Infinity ? 1 : size / Math.max(best[i], 1e-12)))
  return {
    ...run,
    images: sizes.length,
    success: sizes.filter(Number.isFinite).length / sizes.length,
    median: median(sizes),
    ratio: median(ratios),
    within5: ratios.filter((r) => r <= 1.05).length / sizes.length,
    sizes,
  }
}

/** Ours is to be as strong as the strongest of the others: as many found, and by the median within a hundredth as small. */
function note(net, norm, ours, peers, eps) {
  for (const peer of peers) {
    if (peer.error || ours.error) continue
    const fewer = ours.success < peer.success
    const larger = eps === undefined && ours.ratio > 1.01 * peer.ratio
    if (fewer || larger)
      weaker.push(
        `${net} ${norm}: ${ours.attack} is weaker than ${peer.by}: ${describe(ours, eps)} against ${describe(peer, eps)}`,
      )
  }
}
const describe = (s, eps) => `${percent(s.success)} %${eps === undefined ? `, ratio ${fixed(s.ratio)}` : ''}`

function line(s, ours, eps) {
  if (s.error) return { attack: s.attack, by: s.by, images: s.error }
  return {
    attack: s.attack,
    by: s.by,
    images: s.images,
    'forwards/backwards': `${Math.round(s.forwards)}/${Math.round(s.backwards)}`,
    'success %': percent(s.success),
    ...(eps === undefined && {
      median: fixed(s.median),
      ratio: fixed(s.ratio),
      'within 5 %': percent(s.within5),
    }),
    seconds: s.seconds[values.clock].toFixed(1),
    tracing: s.prepared?.toFixed(1) ?? '',
    'ours / peer':
      ours && !ours.error ? (ours.seconds[values.clock] / s.seconds[values.clock]).toFixed(2) : '',
  }
}
const percent = (share) => Number((100 * share).toFixed(1))
const fixed = (v) => (v === Infinity ? '∞' : v.toFixed(v < 1 ? 4 : 3))

/** AutoAttack's standard version, a stage at a time, each on the images that those before it left standing. */
async function cascade(contest) {
  const { norm, eps, stages } = standard
  const start = contest.right.flatMap((right, i) => (right ? [i] : []))
  const count = contest.labels.length
  const left = { ours: start, theirs: start }
  const total = { ours: 0, theirs: 0 }
  const lines = [
    {
      stage: 'clean',
      'ours left %': percent(start.length / count),
      'theirs left %': percent(start.length / count),
    },
  ]
  for (const [i, text] of presets.standard.attacks.entries()) {
    const spent = {}
    for (const side of ['ours', 'theirs']) {
      const rows = left[side]
      if (!rows.length) continue
      const call = side === 'ours' ? 'ours' : named(stages[i])
      const run = await tried(text, call, () =>
        side === 'ours' ? contest.ours(text, norm, eps, rows) : contest.theirs(stages[i], norm, eps, rows),
      )
      if (run.error) throw new Error(`${text}, ${call}: ${run.error}`)
      left[side] = rows.filter((_, k) => run.sizes[k] === Infinity)
      spent[side] = run.seconds[values.clock]
      total[side] += spent[side]
    }
    lines.push(stageLine(text, left, count, spent))
  }
  lines.push(stageLine('all', left, count, total))
  report.push({ net: contest.net, norm, eps, images: count, stages: lines })
  if (values.json) return
  console.log(
    `standard, ${contest.net}, ${norm} ${eps}, first ${count} test images; ${values.clock} seconds, one thread; ${machine()}\n`,
  )
  console.log(`${table(lines)}\n`)
}

const stageLine = (stage, left, count, spent) => ({
  stage,
  'ours left %': percent(left.ours.length / count),
  'theirs left %': percent(left.theirs.length / count),
  ours: spent.ours?.toFixed(1) ?? '–',
  theirs: spent.theirs?.toFixed(1) ?? '–',
  'ours / theirs': spent.ours && spent.theirs ? (spent.ours / spent.theirs).toFixed(2) : '–',
})

for (const net of Object.keys(contestNets).filter((name) => among(values.net, name))) {
  if (among(values.kind, 'minimum-norm') || among(values.kind, 'fixed-eps')) {
    const contest = await Contest.open(net, values, { correct: true })
    if (among(values.kind, 'minimum-norm'))
      for (const [norm, pairs] of Object.entries(minimumNorm)) await compare(contest, norm, undefined, pairs)
    if (among(values.kind, 'fixed-eps'))
      for (const [norm, { eps, pairs }] of Object.entries(fixedEps)) await compare(contest, norm, eps, pairs)
    await contest.close()
  }
  if (among(values.kind, 'standard')) {
    const contest = await Contest.open(net, values, { correct: false })
    await cascade(contest)
    await contest.close()
  }
}

if (values.json) console.log(JSON.stringify({ machine: machine(), clock: values.clock, report, weaker }))
else for (const line of weaker) console.log(line)
