/** `saddle evaluate`: the main job. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  AttackOptionError,
  evaluate,
  parseAttack,
  parseCriterion,
  perturbations,
  presets,
  type ConfiguredAttack,
  type Criterion,
  type Evaluation,
  type EvaluationResult,
} from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import { UsageError } from '../errors.ts'
import { GateFailed, Interrupted } from '../outcome.ts'
import { progressDisplay } from '../progress.ts'
import { RunFolder } from '../run-folder.ts'
import { versions } from '../versions.ts'
import {
  commonFlags,
  count,
  dataFlags,
  engineOf,
  list,
  modelFlags,
  number,
  openBoth,
  talk,
  type CommonFlags,
  type DataFlags,
  type ModelFlags,
} from './shared.ts'

interface Flags extends CommonFlags, ModelFlags, DataFlags {
  norm: string[]
  eps?: number[]
  attack?: string[]
  criterion: string
  target?: string
  cascade?: boolean
  maxQueries?: number
  maxTime?: number
  gallery: number
  out?: string
  resume?: string
  report: boolean
  minRobustAccuracy?: number
  demo?: boolean
}

const gather = (text: string, before: string[] = []) => [...before, ...text.split(/\s+/).filter(Boolean)]

export function evaluateCommand(program: Command): void {
  const command = program
    .command('evaluate')
    .description('clean accuracy, attacks, the worst case per sample, and a report')
    .argument('[models...]', 'ONNX files (.onnx or .onnx.gz); several are compared in one report')
    .option('--norm <names>', `norms: ${Object.keys(perturbations).join(', ')}`, list, ['linf'])
    .option('--eps <values>', 'radii, such as 8/255 or "2/255 4/255 8/255"', radii)
    .option(
      '--attack <names>',
      `attacks with options (pgd:steps=40,stepSize=2/255) or presets (${Object.keys(presets).join(', ')}); may be repeated`,
      gather,
    )
    .option('--criterion <name>', 'misclassified, targeted, confident:P, joined by &', 'misclassified')
    .option('--target <class>', 'class wanted by a targeted criterion: a label, least-likely or random')
    .option('--cascade', 'attacks skip what an attack before them has broken')
    .option('--max-queries <n>', 'model evaluations a sample may cost', count)
    .option('--max-time <seconds>', 'time a batch of samples may cost', number)
    .option('--gallery <n>', 'pictures in the report', number, 8)
    .option('--out <folder>', 'where the run is kept; an interrupted run there goes on')
    .option('--resume <folder>', 'go on with the run in a folder, as it was asked for')
    .option('--no-report', 'write no HTML')
    .option('--min-robust-accuracy <share>', 'exit with 1 if less is left', number)
    .addOption(new Option('--demo', 'evaluate the two built-in traffic-sign models'))
  commonFlags(dataFlags(modelFlags(command))).action(async (models: string[], flags: Flags) => {
    if (flags.resume) return resume(program, flags.resume)
    await run(models, flags)
  })
}

function radii(text: string): number[] {
  const values = list(text).map(number)
  const bad = values.find((v) => v <= 0)
  if (bad !== undefined)
    throw new UsageError(`--eps ${text}: ${bad} is no radius`, {
      hint: 'eps is larger than 0; clean accuracy is always measured',
    })
  if (!values.length) throw new UsageError('--eps is empty')
  return values
}

async function resume(program: Command, folder: string): Promise<void> {
  await program.parseAsync([...RunFolder.command(folder), '--out', folder], { from: 'user' })
}

/** What `--demo` stands for where nothing else is said. */
const DEMO = { eps: [2 / 255, 4 / 255, 8 / 255], attack: ['fgsm', 'pgd:steps=20'], data: 'signs' } as const

async function run(given: readonly string[], asked: Flags): Promise<void> {
  const flags: Flags = asked.demo ? { ...asked, ...demoFlags(asked) } : asked
  const models = asked.demo && !given.length ? demoModels() : given
  if (!models.length)
    throw new UsageError('no model given', { hint: 'saddle evaluate model.onnx --data folder, or --demo' })
  const plan = planOf(flags)
  const { say } = talk(flags)
  const signal = interruptible(say)
  const folderPath =
    flags.out ?? join('runs', `${stamp()}-${models.map((m) => basename(m, '.onnx')).join('-vs-')}`)
  const folder = await RunFolder.open(folderPath, {
    command: process.argv.slice(2),
    fingerprint: fingerprint(models, flags, plan),
  })
  const evaluations: (Evaluation & { labels?: readonly string[] })[] = []
  for (const model of models) {
    if (signal.aborted) break
    evaluations.push(await evaluateOne(model, flags, plan, folder, signal))
  }
  const results = await write(evaluations, folder, flags)
  await tell(results, evaluations, flags)
  if (signal.aborted)
    throw new Interrupted(`stopped; what is finished is in ${folderPath}: --resume ${folderPath} goes on`)
  gate(results, flags.minRobustAccuracy)
}

function demoFlags(asked: Flags): Partial<Flags> {
  return {
    data: asked.data ?? DEMO.data,
    eps: asked.eps ?? [...DEMO.eps],
    attack: asked.attack ?? [...DEMO.attack],
  }
}

interface Plan {
  readonly attacks: readonly ConfiguredAttack[]
  readonly criterion: Criterion
  readonly target: number | 'least-likely' | 'random' | undefined
}

function planOf(flags: Flags): Plan {
  if (!flags.eps) throw new UsageError('no eps given', { hint: 'add --eps 8/255' })
  const unknown = flags.norm.find((n) => !(n in perturbations))
  if (unknown)
    throw new UsageError(`there is no norm "${unknown}"`, {
      hint: `there are ${Object.keys(perturbations).join(', ')}`,
    })
  try {
    return {
      attacks: (flags.attack ?? ['quick']).flatMap(parseAttack),
      criterion: parseCriterion(flags.criterion),
      target: targetOf(flags.target),
    }
  } catch (error) {
    if (error instanceof AttackOptionError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}

function targetOf(text: string | undefined): Plan['target'] {
  if (text === undefined || text === 'least-likely' || text === 'random') return text
  const label = number(text)
  if (!Number.isInteger(label) || label < 0) throw new UsageError(`--target ${text} is no class`)
  return label
}

async function evaluateOne(
  path: string,
  flags: Flags,
  { attacks, criterion, target }: Plan,
  folder: RunFolder,
  signal: AbortSignal,
): Promise<Evaluation & { labels?: readonly string[] }> {
  const voice = talk(flags)
  const engine = engineOf(flags, voice)
  const display = progressDisplay(flags.quiet, basename(path))
  try {
    const { classifier, data, conventions } = await openBoth(path, flags, engine, voice)
    if (typeof target === 'number' && target + (conventions.labelOffset ?? 0) >= classifier.classes)
      throw new UsageError(`--target ${target}: ${path} has ${classifier.classes} classes`)
    for (const notice of classifier.notices) voice.say(`${basename(path)}: ${notice}`)
    const evaluation = await evaluate(classifier, data, {
      perturbations: flags.norm.map((n) => perturbations[n]!),
      eps: flags.eps!,
      attacks,
      criterion:
        target !== undefined && !criterion.targeted
          ? parseCriterion(`targeted&${criterion.name}`.replace('&misclassified', ''))
          : criterion,
      target,
      seed: flags.seed,
      batchSize: conventions.batch ?? flags.batch ?? batchFor(data.shape),
      cascade: flags.cascade,
      maxQueries: flags.maxQueries,
      maxTimeMs: flags.maxTime === undefined ? undefined : flags.maxTime * 1000,
      gallery: flags.gallery,
      signal,
      onProgress: (p) => display.update(p),
      store: {
        load: (key) => folder.load(`${path}:${key}`),
        save: (key, b) => folder.save(`${path}:${key}`, b),
      },
    })
    return { ...evaluation, labels: classifier.classNames }
  } finally {
    display.end()
    await engine.close()
  }
}

/** Samples at a time that keep a batch near a few megabytes: enough to fill the kernels, little enough to share out. */
function batchFor(shape: readonly number[]): number {
  const size = shape.reduce((p, d) => p * d, 1)
  return Math.max(4, Math.min(128, Math.round(200_000 / size)))
}

async function write(
  evaluations: readonly (Evaluation & { labels?: readonly string[] })[],
  folder: RunFolder,
  flags: Flags,
): Promise<EvaluationResult[]> {
  const seen = versions()
  const report = flags.report && evaluations.length ? join(folder.path, 'index.html') : undefined
  const results = evaluations.map(({ result }) => ({ ...result, versions: seen, report }))
  if (report) {
    // The charting library takes half a second to load: only a report needs it.
    const { renderReport } = await import('@saddlepoint/report')
    const html = renderReport({
      title: `Robustness of ${results.map((r) => basename(r.model.path)).join(' and ')}`,
      evaluations: evaluations.map(({ gallery, labels }, i) => ({ result: results[i]!, gallery, labels })),
      command: `saddle ${process.argv.slice(2).join(' ')}`,
      generator: { name: 'Saddlepoint', version: seen['saddlepoint']! },
    })
    await folder.write('index.html', html)
  }
  await folder.write(
    'result.json',
    JSON.stringify(results.length === 1 ? results[0] : { evaluations: results }),
  )
  return results
}

async function tell(
  results: readonly EvaluationResult[],
  evaluations: readonly { labels?: readonly string[] }[],
  flags: Flags,
): Promise<void> {
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(results.length === 1 ? results[0] : { evaluations: results })}\n`)
    return
  }
  const { renderTable } = await import('@saddlepoint/report')
  for (const [i, result] of results.entries())
    process.stdout.write(
      `${renderTable(result, { color: process.stdout.isTTY, labels: evaluations[i]!.labels })}\n\n`,
    )
  if (results[0]?.report) process.stdout.write(`report: ${results[0].report}\n`)
}

function gate(results: readonly EvaluationResult[], minimum: number | undefined): void {
  if (minimum === undefined) return
  for (const { model, results: threats } of results) {
    const worst = Math.min(...threats.map((t) => t.robustAccuracy))
    if (worst < minimum)
      throw new GateFailed(
        `${model.path}: robust accuracy ${worst.toFixed(4)} is below the required ${minimum}`,
      )
  }
}

/** Aborts at the first Ctrl-C; the second one ends the process. */
function interruptible(say: (message: string) => void): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => {
    say('\nstopping after the steps in progress; press Ctrl-C again to stop at once')
    controller.abort()
    process.once('SIGINT', () => process.exit(130))
  })
  return controller.signal
}

function fingerprint(models: readonly string[], flags: Flags, { attacks, criterion, target }: Plan): unknown {
  const hash = (path: string) => {
    try {
      return createHash('sha256').update(readFileSync(path)).digest('hex')
    } catch {
      return undefined
    }
  }
  const { norm, eps, seed, cascade, maxQueries, data, limit, offset, split, shuffle } = flags
  const { inputRange, mean, std, bgr, layout, resize, crop, labelOffset, provider, batch } = flags
  return {
    models: models.map(hash),
    attacks: attacks.map((a) => ({ name: a.name, ...a.options })),
    criterion: criterion.name,
    target,
    ...{ norm, eps, seed, cascade, maxQueries, data, limit, offset, split, shuffle },
    ...{ inputRange, mean, std, bgr, layout, resize, crop, labelOffset, provider, batch },
  }
}

const stamp = () => new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19)
