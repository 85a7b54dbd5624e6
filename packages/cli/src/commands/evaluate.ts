/** `saddle evaluate`: the main job. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import {
  COMBINE,
  evaluate,
  type AuditMode,
  type Combine,
  type Evaluation,
  type EvaluationResult,
} from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import { UsageError } from '../errors.ts'
import { GateFailed, Interrupted } from '../outcome.ts'
import { progressDisplay } from '../progress.ts'
import { RunFolder } from '../run-folder.ts'
import { versions } from '../versions.ts'
import { isHttp } from './open-http.ts'
import { batchFor, conventionsOf, engineOf, openBoth, openSubstitute } from './open.ts'
import { hashOf } from './hash-of.ts'
import { checkTarget, planFlags, planOf, radiiOf, type Plan, type PlanFlags } from './plan.ts'
import {
  commonFlags,
  count,
  dataFlags,
  modelFlags,
  number,
  stopOnCtrlC,
  talk,
  targetFlags,
  type CommonFlags,
  type DataFlags,
  type ModelFlags,
  type TargetFlags,
} from './shared.ts'

interface Flags extends CommonFlags, ModelFlags, DataFlags, PlanFlags, TargetFlags {
  maxQueries?: number
  maxTime?: number
  gallery: number
  columns?: string
  out?: string
  resume?: string
  report: boolean
  minRobustAccuracy?: number
  substitute?: string[]
  combine: Combine
  demo?: boolean
  audit: AuditMode
  failOn?: 'audit' | 'audit-warning'
}

export function evaluateCommand(program: Command): void {
  const command = program
    .command('evaluate')
    .description('clean accuracy, attacks, the worst case per sample, and a report')
    .argument(
      '[models...]',
      'ONNX files (.onnx or .onnx.gz), or descriptions of HTTP targets (.json); several are compared in one report',
    )
    .option(
      '--substitute <files...>',
      'models that the attacks climb instead; what they end with is judged on the evaluated one (transfer)',
    )
    .addOption(
      new Option(
        '--combine <rule>',
        'what of several substitutes is climbed: the loss of their mean scores, ' +
          'their mean loss, or the loss of the one that is fooled least',
      )
        .choices(COMBINE)
        .default('logits'),
    )
    .option('--columns <file>', 'JSON that says what the columns of a table may become, and at what price')
    .option('--cascade', 'attacks skip what an attack before them has broken')
    .option('--max-queries <n>', 'model evaluations a sample may cost', count)
    .option('--max-time <seconds>', 'time a batch of samples may cost', number)
    .option('--gallery <n>', 'pictures in the report', number, 8)
    .option('--out <folder>', 'where the run is kept; an interrupted run there goes on')
    .option('--resume <folder>', 'go on with the run in a folder, as it was asked for')
    .option('--no-report', 'write no HTML')
    .addOption(
      new Option('--audit <extent>', 'checks of whether the attacks have failed')
        .choices(['full', 'quick', 'off'])
        .default('quick'),
    )
    .addOption(
      new Option('--fail-on <what>', 'exit with 1 if a check of the audit fails, or even warns').choices([
        'audit',
        'audit-warning',
      ]),
    )
    .option('--min-robust-accuracy <share>', 'exit with 1 if less is left', number)
    .addOption(new Option('--demo', 'evaluate the two built-in traffic-sign models'))
  commonFlags(dataFlags(targetFlags(modelFlags(planFlags(command))))).action(
    async (models: string[], flags: Flags) => {
      if (flags.resume) return goOn(program, flags.resume, flags)
      await run(models, flags)
    },
  )
}

/** Repeats the command of a folder; how it speaks is as asked now. */
async function goOn(program: Command, folder: string, { json, quiet, debug }: Flags): Promise<void> {
  const { command, cwd } = RunFolder.description(folder)
  const out = cwd && cwd !== process.cwd() ? resolve(folder) : folder
  if (cwd && existsSync(cwd)) process.chdir(cwd)
  const voice = Object.entries({ json, quiet, debug }).flatMap(([name, on]) => (on ? [`--${name}`] : []))
  await program.parseAsync([...command, '--out', out, ...voice], { from: 'user' })
}

/** What `--demo` stands for where nothing else is said. */
const DEMO = {
  eps: [2 / 255, 4 / 255, 8 / 255, 16 / 255],
  attack: ['fgsm', 'pgd:steps=20'],
  data: 'signs',
} as const

async function run(given: readonly string[], asked: Flags): Promise<void> {
  const flags: Flags = asked.demo ? { ...asked, ...demoFlags(asked) } : asked
  const models = asked.demo && !given.length ? demoModels() : given
  if (!models.length)
    throw new UsageError('no model given', { hint: 'saddle evaluate model.onnx --data folder, or --demo' })
  if (flags.columns !== undefined && flags.norm)
    throw new UsageError('--columns is a perturbation set of its own', { hint: 'leave --norm out' })
  const plan = await planOf(flags)
  if (flags.failOn && flags.audit === 'off')
    throw new UsageError(`--fail-on ${flags.failOn} needs an audit`, { hint: 'leave --audit off out' })
  const { say } = talk(flags)
  const signal = stopOnCtrlC(say)
  const folderPath =
    flags.out ?? join('runs', `${stamp()}-${models.map((m) => basename(m, '.onnx')).join('-vs-')}`)
  const folder = RunFolder.open(folderPath, {
    command: process.argv.slice(2),
    cwd: process.cwd(),
    fingerprint: fingerprint(models, flags, plan),
  })
  const evaluations = await evaluateAll(models, flags, plan, folder, signal).catch((error: unknown) => {
    folder.abandon()
    throw error
  })
  const results = evaluations.length ? await write(evaluations, folder, flags) : []
  if (results.length || flags.json) await tell(results, evaluations, flags)
  if (signal.aborted)
    throw new Interrupted(`stopped; what is finished is in ${folderPath}: --resume ${folderPath} goes on`)
  gate(results, flags.minRobustAccuracy)
  gateAudit(results, flags.failOn)
}

type Labelled = Evaluation & { labels?: readonly string[] }

async function evaluateAll(
  models: readonly string[],
  flags: Flags,
  plan: Plan,
  folder: RunFolder,
  signal: AbortSignal,
): Promise<Labelled[]> {
  const evaluations: Labelled[] = []
  for (const model of models) {
    if (signal.aborted) break
    const evaluation = await evaluateOne(model, flags, plan, folder, signal)
    // Stopped before its clean accuracy was known, a model has nothing to show.
    if (evaluation.result.samples.length) evaluations.push(evaluation)
  }
  return evaluations
}

function demoFlags(asked: Flags): Partial<Flags> {
  return {
    data: asked.data ?? DEMO.data,
    eps: asked.eps ?? [...DEMO.eps],
    attack: asked.attack ?? [...DEMO.attack],
  }
}

async function evaluateOne(
  path: string,
  flags: Flags,
  plan: Plan,
  folder: RunFolder,
  signal: AbortSignal,
): Promise<Labelled> {
  const voice = talk(flags)
  const engine = engineOf(flags, voice)
  const display = progressDisplay(flags.quiet, basename(path))
  try {
    const { classifier, data, conventions, rules } = await openBoth(
      path,
      flags.substitute ? { ...flags, skipGradient: undefined } : flags,
      engine,
      voice,
    )
    checkTarget(plan, classifier, path)
    for (const notice of classifier.notices) voice.say(`${basename(path)}: ${notice}`)
    const substitute =
      flags.substitute &&
      (await openSubstitute(flags.substitute, flags.combine, classifier, data.kind === 'images', flags))
    await folder.create()
    const evaluation = await evaluate(classifier, data, {
      ...plan,
      ...(rules && { perturbations: [rules.set] }),
      radii: await radiiOf(plan, data.length),
      substitute,
      seed: flags.seed,
      batchSize: conventions.batch ?? flags.batch ?? batchFor(data.shape),
      maxQueries: flags.maxQueries,
      maxTimeMs: flags.maxTime === undefined ? undefined : flags.maxTime * 1000,
      gallery: flags.gallery,
      audit: flags.audit,
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

async function write(
  evaluations: readonly Labelled[],
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

function gateAudit(results: readonly EvaluationResult[], failOn: Flags['failOn']): void {
  if (!failOn) return
  const bad = failOn === 'audit' ? ['fail'] : ['fail', 'warn']
  for (const { model, audit } of results) {
    const [first, ...others] = audit.filter((entry) => bad.includes(entry.status))
    if (first)
      throw new GateFailed(
        `${model.path}: audit: ${first.check}: ${first.saw}${others.length ? ` (and ${others.length} more)` : ''}`,
      )
  }
}

/** Everything that finished batches depend on. */
function fingerprint(
  models: readonly string[],
  flags: Flags,
  { attacks, cascade, criterion, target }: Plan,
): unknown {
  const { norm, eps, seed, maxQueries, data, limit, offset, split, shuffle, provider, bpda } = flags
  const given = { norm, eps, seed, cascade, maxQueries, data, limit, offset, split, shuffle, provider, bpda }
  return {
    ...given,
    columns: flags.columns === undefined ? undefined : hashOf(flags.columns),
    radii: typeof flags.eps === 'string' ? hashOf(flags.eps) : undefined,
    models: models.map(hashOf),
    conventions: models.map((m) => (isHttp(m) ? {} : conventionsOf(m, flags))),
    attacks: attacks.map((a) => ({ name: a.name, ...a.options })),
    criterion: criterion.name,
    target,
    substitutes: flags.substitute?.map(hashOf),
    combine: flags.combine,
    generator: [flags.decoder, flags.encoder].map((file) => file && hashOf(file)),
    skipGradient: flags.skipGradient,
  }
}

/** To the millisecond: several runs may begin together. */
const stamp = () => new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 23)
